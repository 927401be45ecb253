"""Describes the columns of tables: each is a field of the dataclass that is a table's row."""

import types
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from vlmeter.axes import AXES

Kind = Literal["text", "number", "integer", "flag"]

_Row = TypeVar("_Row")
_KINDS: dict[type, Kind] = {str: "text", float: "number", int: "integer", bool: "flag"}


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    kind: Kind
    unit: str
    """Empty for texts, counts and rates."""
    description: str


def column(unit: str, description: str, **more: object) -> Any:  # noqa: ANN401 - as `field`
    """Return a field of a row; its annotation gives the column's kind.

    Args:
        unit: Empty for texts, counts and rates.
        description: A sentence.
        more: What else the row's builder needs of the field.
    """
    return field(metadata={"unit": unit, "description": description, **more})


def list_columns(row: type[Any]) -> tuple[Column, ...]:
    """Return the columns of a table from the dataclass of its rows, in the order of its fields."""
    hints = get_type_hints(row)
    return tuple(
        Column(entry.name, _get_kind(hints[entry.name]), *_describe(entry)) for entry in fields(row)
    )


def _describe(entry: "Field[Any]") -> tuple[str, str]:
    """Return the unit and the description of a column; those of an axis stand in its own table."""
    axis = next((axis for axis in AXES if axis.name == entry.name), None)
    if axis is not None:
        return axis.unit, axis.description
    return entry.metadata["unit"], entry.metadata["description"]


def _get_kind(annotation: Any) -> Kind:  # noqa: ANN401 - a type, or a form such as `int | None`
    if get_origin(annotation) is Literal:
        return "text"
    (kind,) = set(get_args(annotation) or (annotation,)) - {types.NoneType}
    return _KINDS[kind]


def get_number(row: object, name: str) -> float | None:
    """Return the value of a number column that is chosen by its name, such as a gate's metric.

    Raises:
        AttributeError: the row has no such column, or it was not read.
        TypeError: the column holds no numbers.
    """
    value = getattr(row, name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"the column {name} holds {value!r}, which is no number")
    return value


def restore_row(row_type: type[_Row], values: Mapping[str, object]) -> _Row:
    """Return a row from its values by column, as a file holds them.

    A column without a value is no attribute of the row: who reads it without having asked for it
    gets an error, not an empty value.
    """
    row = object.__new__(row_type)
    vars(row).update(values)
    return row
