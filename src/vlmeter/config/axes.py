"""The config's blocks of axes, made of the table of axes: the base cell, and what sections say."""

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any

from pydantic import Field, create_model, field_validator, model_validator

from vlmeter.axes import AXES, AXIS_NAMES, Axis, Device
from vlmeter.config.base import Block, Name


def _value_type(axis: Axis) -> Any:  # noqa: ANN401 - a type
    if axis.is_number:
        return Annotated[int, Field(ge=axis.at_least, le=axis.at_most)]
    return Name if axis.value_type is str else axis.value_type


def _base_field(axis: Axis) -> tuple[Any, Any]:
    value = _value_type(axis)
    default = ... if axis.default is None else axis.default
    return (
        value | GenericAlias(dict, (Device, value)) if axis.follows_device else value,
        Field(default, description=axis.key_description),
    )


def _fixed_field(axis: Axis) -> tuple[Any, None]:
    return _value_type(axis) | None, None


def _varied_field(axis: Axis) -> tuple[Any, None]:
    return GenericAlias(list, (_value_type(axis),)) | None, None


def _make_block(name: str, make_field: Callable[[Axis], tuple[Any, Any]]) -> type[Block]:
    """Return a block with a field for each axis, of a type and a default."""
    fields: dict[str, Any] = {axis.name: make_field(axis) for axis in AXES}
    return create_model(name, __base__=Block, **fields)


_Base = _make_block("_Base", _base_field)
_Fixed = _make_block("_Fixed", _fixed_field)
_Varied = _make_block("_Varied", _varied_field)


class Base(_Base):
    """The base cell: the value of every axis that a section neither fixes nor varies."""

    def get_values(self) -> dict[str, object]:
        """Return the values by axis; one may be a table by device."""
        return dict(self)

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
