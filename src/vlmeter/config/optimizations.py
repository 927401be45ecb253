"""The optimisation axis: the names that are built in, and what a study may define itself."""

from typing import Literal

from pydantic import Field, model_validator

from vlmeter.config.base import Block

Attention = Literal["eager", "sdpa", "flash_attention_2", "flex_attention"]


class AttentionByPartConfig(Block):
    """Attention implementations of a model's parts, where one for the whole model will not do."""

    vision: Attention = Field("eager", description="Of the vision tower.")
    qformer: Attention = Field("eager", description="Of the Q-Former, in models that have one.")
    text: Attention = Field("eager", description="Of the language model.")


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
    quantization: Literal["int8", "int4"] | None = Field(
        None,
        description="Weight-only, by torchao, of the linear layers but the output head: int8 per "
        "row, int4 in groups of 32.",
    )

    @model_validator(mode="after")
    def _check_not_empty(self) -> "OptimizationConfig":
        if not self.model_fields_set:
            raise ValueError("says nothing; give at least one key, such as attention: sdpa")
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
}
"""The names that need no definition."""
