"""The config's blocks of axes, made of the table of axes: the base cell, and what sections say."""

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any

from pydantic import Field, create_model, field_validator, model_validator

from vlmeter.axes import AXES, AXIS_NAMES, Axis, Device
from vlmeter.config.base import Block, Name
from vlmeter.errors import shorten


def _make_value_type(axis: Axis) -> Any:  # noqa: ANN401 - a type
    if axis.is_number:
        return Annotated[int, Field(ge=axis.at_least, le=axis.at_most)]
    return Name if axis.value_type is str else axis.value_type


def _make_base_field(axis: Axis) -> tuple[Any, Any]:
    value = _make_value_type(axis)
    default = ... if axis.default is None else axis.default
    return (
        value | GenericAlias(dict, (Device, value)) if axis.follows_device else value,
        Field(default, description=axis.key_description),
    )


def _make_fixed_field(axis: Axis) -> tuple[Any, None]:
    return _make_value_type(axis) | None, None


def _make_varied_field(axis: Axis) -> tuple[Any, None]:
    return GenericAlias(list, (_make_value_type(axis),)) | None, None


def _make_fields(make_field: Callable[[Axis], tuple[Any, Any]]) -> dict[str, Any]:
    """Return a type and a default by axis."""
    return {axis.name: make_field(axis) for axis in AXES}


_Base = create_model("_Base", __base__=Block, **_make_fields(_make_base_field))
_Fixed = create_model("_Fixed", __base__=Block, **_make_fields(_make_fixed_field))
_Varied = create_model("_Varied", __base__=Block, **_make_fields(_make_varied_field))


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
        lists = {name: getattr(self, name) for name in AXIS_NAMES}
        varied = {name: values for name, values in lists.items() if values is not None}
        if not varied:
            raise ValueError("names no axis; give at least one, such as batch_size: [1, 4]")
        for name, values in varied.items():
            if not values:
                raise ValueError(f"{name} has no values")
            if len(set(values)) < len(values):
                raise ValueError(f"{name} names a value twice: {shorten(values)}")
        return self
