"""Builds dataclasses from the plain values of a JSON file, and refuses what does not fit them."""

import math
import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vlmeter.errors import UserError

_Built = TypeVar("_Built")
_Read = Callable[[object, str], object]
"""Returns a value as its type, given its path in the file."""

_KINDS = {str: "text", float: "number", int: "integer", bool: "flag"}


class _MismatchError(Exception):
    """A value does not fit its type; the message begins with its path."""


def from_plain(cls: type[_Built], data: object, file: Path, place: str = "") -> _Built:
    """Return a dataclass from a JSON object with a key per field.

    A key that is no field is left out, and a field with a default may be absent. An integer stands
    for a number too, and stays one.

    Args:
        cls: The dataclass, or a tuple of such; its fields are texts, numbers, flags, lists,
            tables, named tuples and dataclasses.
        data: The plain value.
        file: Where it was read, to be named.
        place: Where the value stands in the file, keys joined by dots; empty for all of it.

    Raises:
        UserError: a key is missing or its value is of another type.
    """
    read: Callable[[object, str], _Built] = _make_reader(cls)  # type: ignore[assignment]
    try:
        return read(data, f".{place}" if place else "")
    except _MismatchError as error:
        raise UserError(f"{file}{error}: delete it and run again.") from None


@cache
def _make_reader(kind: Any) -> _Read:  # noqa: ANN401 - a type, or a form such as `list[int]`
    """Return what reads values of a type; made once, since a study has thousands of records."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _KINDS:
        return _make_scalar_reader(kind)
    if kind in (object, Any):
        return lambda value, path: value
    if is_dataclass(kind):
        return _make_dataclass_reader(kind)
    if origin in (Union, types.UnionType):
        return _make_union_reader(arguments)
    if kind is types.NoneType:
        return _read_nothing
    if origin in (list, tuple):
        return _make_list_reader(origin, _make_reader(arguments[0]))
    if origin is dict:
        return _make_table_reader(_make_reader(arguments[1]))
    if origin is Literal:
        return _make_choice_reader(set(arguments))
    if isinstance(kind, type) and issubclass(kind, StrEnum | tuple):
        is_enum = issubclass(kind, StrEnum)
        return _make_enum_reader(kind) if is_enum else _make_named_tuple_reader(kind)
    raise TypeError(f"no plain value becomes {kind}")


def _make_scalar_reader(*kinds: type) -> _Read:
    accepted = {*kinds, int} if float in kinds else set(kinds)
    name = "/".join(_KINDS[kind] for kind in kinds)

    def read(value: object, path: str) -> object:
        if type(value) not in accepted or (type(value) is float and not math.isfinite(value)):
            raise _refuse(value, path, name)
        return value

    return read


def _make_union_reader(kinds: tuple[Any, ...]) -> _Read:
    """Return what reads a value that may be missing, or of one of several kinds.

    Of several dataclasses the value is the first whose required fields it has; others have no such
    key.
    """
    given = [kind for kind in kinds if kind is not types.NoneType]
    is_optional = len(given) < len(kinds)
    are_scalars = all(kind in _KINDS for kind in given)
    read_first = _make_scalar_reader(*given) if are_scalars else _make_reader(given[0])
    others = [
        (_list_required(kind), _make_reader(kind))
        for kind in given
        if len(given) > 1 and not are_scalars
    ]

    def read(value: object, path: str) -> object:
        if value is None and is_optional:
            return None
        for required, read_kind in others if isinstance(value, dict) else ():
            if required <= value.keys():
                return read_kind(value, path)
        return read_first(value, path)

    return read


def _read_nothing(value: object, path: str) -> None:
    if value is not None:
        raise _refuse(value, path, "null")


def _make_list_reader(build: type, read_item: _Read) -> _Read:
    def read(value: object, path: str) -> object:
        if not isinstance(value, list):
            raise _refuse(value, path, "list")
        return build(read_item(item, f"{path}[{place}]") for place, item in enumerate(value))

    return read


def _make_table_reader(read_item: _Read) -> _Read:
    def read(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _refuse(value, path, "table")
        return {key: read_item(item, f"{path}.{key}") for key, item in value.items()}

    return read


def _make_choice_reader(choices: set[object]) -> _Read:
    def read(value: object, path: str) -> object:
        if value not in choices:
            raise _refuse(value, path, "/".join(sorted(map(str, choices))))
        return value

    return read


def _make_enum_reader(kind: type[StrEnum]) -> _Read:
    def read(value: object, path: str) -> object:
        try:
            return kind(str(value))
        except ValueError:
            raise _refuse(value, path, kind.__name__.lower()) from None

    return read


def _make_named_tuple_reader(kind: type) -> _Read:
    readers = [_make_reader(item) for item in get_type_hints(kind).values()]

    def read(value: object, path: str) -> object:
        if not isinstance(value, list) or len(value) != len(readers):
            raise _refuse(value, path, f"list of {len(readers)}")
        return kind(
            *(read_item(item, path) for read_item, item in zip(readers, value, strict=True))
        )

    return read


def _make_dataclass_reader(cls: type) -> _Read:
    hints = get_type_hints(cls)
    required_names = _list_required(cls)
    readers = [
        (entry.name, f".{entry.name}", _make_reader(hints[entry.name])) for entry in fields(cls)
    ]

    def read(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _refuse(value, path, "table")
        values: dict[str, object] = {}
        for name, step, read_field in readers:
            if name in value:
                values[name] = read_field(value[name], path + step)
            elif name in required_names:
                raise _MismatchError(f" lacks {(path + step)[1:]}")
        return cls(**values)

    return read


def _list_required(cls: type) -> frozenset[str]:
    return frozenset(
        entry.name
        for entry in fields(cls)
        if entry.default is MISSING and entry.default_factory is MISSING
    )


def _refuse(value: object, path: str, kind: str) -> _MismatchError:
    where = path.removeprefix(".") or "its content"
    return _MismatchError(f": {where} is {value!r}, not a {kind}")
