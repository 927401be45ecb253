"""The optimisation axis: how a cell asks for a model to be executed."""

from dataclasses import asdict, dataclass
from typing import Any

from vlmeter.status import UnsupportedError

_PARTS = {"vision": "vision_config", "qformer": "qformer_config", "text": "text_config"}
"""The config inside a model's config that each part goes by."""


@dataclass(frozen=True)
class AttentionByPart:
    """Attention implementations of a model's parts."""

    vision: str
    qformer: str
    text: str

    def of_stage(self, stage: str) -> str:
        """Return the implementation of the part that a stage belongs to."""
        return {"vision": self.vision, "qformer": self.qformer}.get(stage, self.text)


@dataclass(frozen=True)
class Compile:
    """How `torch.compile` is applied."""

    mode: str
    """The mode of `torch.compile`."""
    form: str
    """`regional`: each kind of repeated layer once; `whole`: the model as one."""

    @property
    def is_whole(self) -> bool:
        """Whether the model is compiled as one instead of layer by layer."""
        return self.form == "whole"


@dataclass(frozen=True)
class Optimization:
    """How a model is executed."""

    name: str
    attention: str | AttentionByPart
    """The attention implementation that is asked of transformers, for all or for each part."""
    compile: Compile | None = None
    """None where the timed forward is not compiled."""
    cache: str = "dynamic"
    """Key-value cache of generation: `dynamic` or `static`."""
    quantization: str | None = None
    """`int8` or `int4`: what the weights of linear layers are brought to."""

    @property
    def has_static_cache(self) -> bool:
        """Whether generation is to use a cache that is allocated once."""
        return self.cache == "static"

    @property
    def needs_compiler(self) -> bool:
        """Whether torch compiles something: flex attention is compiled by itself."""
        kinds = [self.attention]
        if isinstance(self.attention, AttentionByPart):
            kinds = list(asdict(self.attention).values())
        return self.compile is not None or "flex_attention" in kinds

    def attention_for(self, config: Any) -> str | dict[str, str]:  # noqa: ANN401
        """Return `attn_implementation` for a model of this config."""
        if isinstance(self.attention, str):
            return self.attention
        own = set(getattr(config, "sub_configs", ()))
        parts = {_PARTS[part]: kind for part, kind in asdict(self.attention).items()}
        # What is no part of its own, such as a projector, does no attention.
        return {"": self.attention.text, **{k: v for k, v in parts.items() if k in own}}

    def attention_of(self, stage: str) -> str:
        """Return the attention that is asked of a stage."""
        if isinstance(self.attention, str):
            return self.attention
        return self.attention.of_stage(stage)


def check_numbers(quantization: str | None, dtype: str) -> None:
    """Refuse what would compute wrong numbers without a word.

    torchao multiplies activations by plain int8 weights before it applies their scale, so sums
    reach 127 times what they stand for, past the 65504 of fp16 at outputs of a few dozen.

    Args:
        quantization: `int8`, `int4`, or None for plain weights.
        dtype: The cell's number format: `fp32`, `fp16` or `bf16`.

    Raises:
        UnsupportedError: int8 in fp16.
    """
    if quantization == "int8" and dtype == "fp16":
        raise UnsupportedError("int8: torchao's product overflows in fp16: take bf16")


EAGER = Optimization("eager", "eager")
"""Nothing but the model as it is written."""
