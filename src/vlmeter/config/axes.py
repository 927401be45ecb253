"""The config's blocks of axes, made of the table of axes: the base cell, and what sections say."""

from typing import Annotated, Any

from pydantic import Field, create_model, field_validator, model_validator

from vlmeter.axes import AXES, AXIS_NAMES, Axis, Device
from vlmeter.config.base import Block, Name


def _value_type(axis: Axis) -> Any:  # noqa: ANN401 - a type
    if axis.is_number:
        return Annotated[int, Field(ge=axis.at_least, le=axis.at_most)]
    return Name if axis.value_type is str else axis.value_type


def _base_field(axis: Axis) -> Any:  # noqa: ANN401 - a type and its field
    value = _value_type(axis)
    return (
        value | dict[Device, value] if axis.follows_device else value,
        Field(... if axis.default is None else axis.default, description=axis.key_description),
    )


_Base = create_model("_Base", __base__=Block, **{axis.name: _base_field(axis) for axis in AXES})
_Fixed = create_model(
    "_Fixed", __base__=Block, **{axis.name: (_value_type(axis) | None, None) for axis in AXES}
)
_Varied = create_model(
    "_Varied",
    __base__=Block,
    **{axis.name: (list[_value_type(axis)] | None, None) for axis in AXES},
)


class Base(_Base):
    """The base cell: the value of every axis that a section neither fixes nor varies."""

    @field_validator(*(axis.name for axis in AXES if axis.follows_device))
    @classmethod
    def _check_devices(cls, value: object) -> object:
        if isinstance(value, dict) and not value:
            raise ValueError("an empty table; give at least one device, such as {cpu: fp32}")
        return value


class Fixed(_Fixed):
    """Values that a section sets for all its cells. What is left out is the base's."""


class Varied(_Varied):
    """Values that a section runs through. Several axes give every combination of them."""

    @model_validator(mode="after")
    def _check_values(self) -> "Varied":
        given = {name: getattr(self, name) for name in AXIS_NAMES}
        given = {name: values for name, values in given.items() if values is not None}
        if not given:
            raise ValueError("names no axis; give at least one, such as batch_size: [1, 4]")
        for name, values in given.items():
            if not values:
                raise ValueError(f"{name} has no values")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names a value twice: {values}")
        return self
