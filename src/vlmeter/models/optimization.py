"""The optimisation axis: what a value asks for, told as plain data by the cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.status import UnsupportedError

_PARTS = {"vision": "vision_config", "qformer": "qformer_config", "text": "text_config"}
"""The config inside a model's config that each part goes by."""


@dataclass(frozen=True)
class Optimization:
    """How a model is executed."""

    name: str
    attention: str | Mapping[str, str]
    """The attention implementation that is asked of transformers, for all or for each part."""
    compile_mode: str | None = None
    """The mode of `torch.compile`; None where nothing is compiled."""
    compile_whole: bool = False
    """Whether the model is compiled as one instead of layer by layer."""
    static_cache: bool = False
    quantization: str | None = None
    """`int8` or `int4`: what the weights of linear layers are brought to."""

    @classmethod
    def of(cls, cell: Mapping[str, Any]) -> "Optimization":
        """Return what a cell's `optimization` block asks for."""
        told = cell["optimization"]
        compiled = told["compile"]
        return cls(
            name=cell["axes"]["optimization"],
            attention=told["attention"],
            compile_mode=compiled["mode"] if compiled else None,
            compile_whole=bool(compiled) and compiled["form"] == "whole",
            static_cache=told["cache"] == "static",
            quantization=told["quantization"],
        )

    @property
    def compiled(self) -> bool:
        """Whether the timed forward runs compiled."""
        return self.compile_mode is not None

    def attention_for(self, config: Any) -> str | dict[str, str]:  # noqa: ANN401
        """Return `attn_implementation` for a model of this config."""
        if isinstance(self.attention, str):
            return self.attention
        own = set(getattr(config, "sub_configs", ()))
        parts = {_PARTS[part]: kind for part, kind in self.attention.items()}
        # What is no part of its own, such as a projector, does no attention.
        return {"": self.attention["text"], **{k: v for k, v in parts.items() if k in own}}

    def attention_of(self, stage: str) -> str:
        """Return the attention that is asked of a stage."""
        if isinstance(self.attention, str):
            return self.attention
        part = {"vision": "vision", "qformer": "qformer"}.get(stage, "text")
        return self.attention[part]


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
