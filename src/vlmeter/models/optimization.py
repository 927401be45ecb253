"""The optimisation axis: how a cell asks for a model to be executed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from vlmeter.status import UnsupportedError

_PARTS = {"vision": "vision_config", "qformer": "qformer_config", "text": "text_config"}
"""The config inside a model's config that each part goes by."""
_FP8_CAPABILITY = (8, 9)
"""The first compute capability with products of fp8 matrices."""


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
class QuantizationByPart:
    """What the weights of each part's linear layers are brought to; None where they stay plain."""

    text: str | None = None
    """`int8`, `int4` or `fp8`."""
    vision: str | None = None
    connector: str | None = None
    """Of all between the two: a projector, or a Q-Former with its projection."""

    def of_stage(self, stage: str | None) -> str | None:
        """Return what the weights of a stage are brought to; None stands for no stage too."""
        return {
            "vision": self.vision,
            "qformer": self.connector,
            "connector": self.connector,
            "prefill": self.text,
        }.get(stage or "")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Each kind that is asked for, once."""
        return tuple(dict.fromkeys(kind for kind in asdict(self).values() if kind is not None))


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
    quantization: QuantizationByPart | None = None
    """None where the weights stay as they are stored."""
    sdpa_backend: str | None = None
    """`flash`, `efficient`, `math` or `cudnn`: the one that torch may take; None lets it choose."""

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


def check_quantization(
    quantization: QuantizationByPart | None,
    dtype: str,
    device: str,
    capabilities: Iterable[tuple[int, int]] = (),
) -> None:
    """Refuse what a device cannot compute, or would compute wrong without a word.

    torchao multiplies activations by plain int8 weights before it applies their scale, so sums
    reach 127 times what they stand for, past the 65504 of fp16 at outputs of a few dozen.

    Args:
        quantization: What is asked for, or None for plain weights.
        dtype: The cell's number format: `fp32`, `fp16` or `bf16`.
        device: `cpu` or `cuda`.
        capabilities: Compute capabilities of the GPUs, major and minor.

    Raises:
        UnsupportedError: int8 in fp16; fp8 in another format than bf16, or where no product of
            fp8 matrices is.
    """
    kinds = () if quantization is None else quantization.kinds
    if "int8" in kinds and dtype == "fp16":
        raise UnsupportedError("int8: torchao's product overflows in fp16: take bf16")
    if "fp8" not in kinds:
        return
    if device != "cuda":
        raise UnsupportedError("fp8: torchao multiplies fp8 on a GPU alone: take int8 or int4")
    lowest = min(capabilities, default=_FP8_CAPABILITY)
    if lowest < _FP8_CAPABILITY:
        raise UnsupportedError(
            f"fp8: the GPU has compute capability {lowest[0]}.{lowest[1]} and no fp8, which "
            f"begins at 8.9: take int8 or int4"
        )
    if dtype != "bf16":
        raise UnsupportedError(f"fp8: torchao scales by row in bf16 alone, not {dtype}: take bf16")


EAGER = Optimization("eager", "eager")
"""Nothing but the model as it is written."""
