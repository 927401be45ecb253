"""The axes: what a study may vary, and the values each can take."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vlmeter.config.base import Block, Name

Device = Literal["cuda", "cpu"]
Dtype = Literal["fp32", "fp16", "bf16"]
ImageInput = Literal["processor", "native"]
ImageSize = Annotated[int, Field(ge=16, le=4096)]
BatchSize = Annotated[int, Field(ge=1, le=65536)]
InputLength = Annotated[int, Field(ge=1, le=1_000_000)]

AXES = (
    "model",
    "prompt",
    "device",
    "dtype",
    "image_size",
    "image_input",
    "batch_size",
    "max_input_len",
    "optimization",
)
"""The axes, in the order in which ids, tables and sentences list them."""


class Base(Block):
    """The base cell: the value of every axis that a section neither fixes nor varies."""

    model: Name = Field(description="A name below `models`.")
    prompt: Name = Field(
        "bare",
        description="A template's name below the data set's `prompts`, or `family`: the model "
        "family's own for the task.",
    )
    device: Device = Field("cuda", description="Where the model runs.")
    dtype: Dtype | dict[Device, Dtype] = Field(
        default={"cuda": "fp16", "cpu": "fp32"},
        description="Number format of the weights; one for all devices or one per device "
        "(fp16 on a CPU is many times slower than fp32).",
    )
    image_size: ImageSize = Field(
        224, description="Images are brought to this many pixels a side before the processor."
    )
    image_input: ImageInput = Field(
        "processor",
        description="`processor`: the model's processor resizes to what the model takes; "
        "`native`: the model gets the image at `image_size`, position encodings interpolated.",
    )
    batch_size: BatchSize = Field(1, description="Samples in one forward pass.")
    max_input_len: InputLength = Field(
        200, description="Most *text* tokens of a prompt; the question is cut, not the template."
    )
    optimization: Name = Field(
        "eager",
        description="How the model is executed: `eager`, `sdpa`, `compile`, `flash_attention_2`, "
        "`flex_attention`, `static_cache`, `int8`, `int4`, or a name below `optimizations`.",
    )

    @field_validator("dtype")
    @classmethod
    def _check_devices(cls, value: object) -> object:
        if isinstance(value, dict) and not value:
            raise ValueError("an empty table; give at least one device, such as {cpu: fp32}")
        return value


class Fixed(Block):
    """Values that a section sets for all its cells. What is left out is the base's."""

    model: Name | None = None
    prompt: Name | None = None
    device: Device | None = None
    dtype: Dtype | None = None
    image_size: ImageSize | None = None
    image_input: ImageInput | None = None
    batch_size: BatchSize | None = None
    max_input_len: InputLength | None = None
    optimization: Name | None = None


class Varied(Block):
    """Values that a section runs through. Several axes give every combination of them."""

    model: list[Name] | None = None
    prompt: list[Name] | None = None
    device: list[Device] | None = None
    dtype: list[Dtype] | None = None
    image_size: list[ImageSize] | None = None
    image_input: list[ImageInput] | None = None
    batch_size: list[BatchSize] | None = None
    max_input_len: list[InputLength] | None = None
    optimization: list[Name] | None = None

    @model_validator(mode="after")
    def _check_values(self) -> "Varied":
        given = {axis: getattr(self, axis) for axis in AXES if getattr(self, axis) is not None}
        if not given:
            raise ValueError("names no axis; give at least one, such as batch_size: [1, 4]")
        for axis, values in given.items():
            if not values:
                raise ValueError(f"{axis} has no values")
            if len(set(values)) < len(values):
                raise ValueError(f"{axis} names a value twice: {values}")
        return self
