"""The optimisation axis: the names that are built in, and what a study may define itself."""

from typing import Literal

from pydantic import Field, model_validator

from vlmeter.config.base import Block

Attention = Literal["eager", "sdpa", "flash_attention_2", "flex_attention"]
Quantization = Literal["int8", "int4", "fp8"]


class AttentionByPartConfig(Block):
    """Attention implementations of a model's parts, where one for the whole model will not do."""

    vision: Attention = Field("eager", description="Of the vision tower.")
    qformer: Attention = Field("eager", description="Of the Q-Former, in models that have one.")
    text: Attention = Field("eager", description="Of the language model.")


class QuantizationByPartConfig(Block):
    """What the linear layers of a model's parts are brought to; what is left out stays plain."""

    text: Quantization | None = Field(None, description="Of the language model.")
    vision: Quantization | None = Field(None, description="Of the vision tower.")
    connector: Quantization | None = Field(
        None, description="Of all between the two: a projector, or a Q-Former with its projection."
    )

    @model_validator(mode="after")
    def _check_not_empty(self) -> "QuantizationByPartConfig":
        if self.text is None and self.vision is None and self.connector is None:
            raise ValueError("names no part to quantise; give one, such as text: int4")
        return self


class CompileConfig(Block):
    """How `torch.compile` is applied."""

    mode: Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] = (
        Field("default", description="The mode of `torch.compile`.")
    )
    form: Literal["regional", "whole"] = Field(
        "regional",
        description="`regional`: each kind of repeated layer once, for a start of seconds; "
        "`whole`: the model as one.",
    )


class OptimizationConfig(Block):
    """How a model is executed: everything that must not change its answers much."""

    attention: Attention | AttentionByPartConfig = Field(
        "eager", description="Attention implementation of the whole model, or of each part."
    )
    compile: CompileConfig | None = Field(None, description="Left out: the model runs as it is.")
    cache: Literal["dynamic", "static"] = Field(
        "dynamic", description="Key-value cache of generation: grown, or allocated once."
    )
    sdpa_backend: Literal["flash", "efficient", "math", "cudnn"] | None = Field(
        None,
        description="The one back end that `sdpa` may take, in every pass. "
        "Left out: torch chooses.",
    )
    quantization: Quantization | QuantizationByPartConfig | None = Field(
        None,
        description="By torchao, of the linear layers but the output head: `int8` weights per "
        "row, `int4` weights in groups of 32, `fp8` weights and activations per row. A word alone "
        "means the language model; other parts are named.",
    )

    @model_validator(mode="after")
    def _check(self) -> "OptimizationConfig":
        if not self.model_fields_set:
            raise ValueError("says nothing; give at least one key, such as attention: sdpa")
        kinds = (
            [self.attention] if isinstance(self.attention, str) else dict(self.attention).values()
        )
        if self.sdpa_backend is not None and "sdpa" not in kinds:
            raise ValueError("sdpa_backend is one of sdpa: add attention: sdpa")
        return self


BUILT_IN: dict[str, OptimizationConfig] = {
    "eager": OptimizationConfig(attention="eager"),
    "sdpa": OptimizationConfig(attention="sdpa"),
    # Attention as in `eager`, so that the two differ in compilation alone.
    "compile": OptimizationConfig(compile=CompileConfig()),
    "flash_attention_2": OptimizationConfig(attention="flash_attention_2"),
    "flex_attention": OptimizationConfig(attention="flex_attention"),
    "static_cache": OptimizationConfig(cache="static"),
    "int8": OptimizationConfig(quantization="int8"),
    "int4": OptimizationConfig(quantization="int4"),
    "fp8": OptimizationConfig(quantization="fp8"),
}
"""The names that need no definition."""
