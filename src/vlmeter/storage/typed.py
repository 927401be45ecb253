"""Builds dataclasses from the plain values of a JSON file, and refuses what does not fit them."""

import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vlmeter.errors import UserError, shorten
from vlmeter.storage.places import say_remedy

_Built = TypeVar("_Built")
_Read = Callable[[object], object]
"""Returns a plain value as its type."""

_KINDS = {str: "text", float: "number", int: "integer", bool: "flag"}
_MISSING = "missing"


@dataclass
class _Mismatch:
    """What does not fit its type."""

    value: object
    kind: str
    place: str = ""
    """Path of the value, from where the reader began: each reader puts its own step before."""

    def describe(self) -> str:
        place = self.place.removeprefix(".") or "its content"
        if self.kind == _MISSING:
            return f" lacks {place}"
        return f": {place} is {shorten(repr(self.value))}, not a {self.kind}"


class _MismatchError(Exception):
    """A value does not fit its type; the argument says which and where."""


def _refuse(value: object, kind: str) -> _MismatchError:
    return _MismatchError(_Mismatch(value, kind))


def _put_before(step: str, error: _MismatchError) -> _MismatchError:
    error.args[0].place = step + error.args[0].place
    return error


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
    kind: Any = cls
    read: Callable[[object], _Built] = _make_reader(kind)  # type: ignore[assignment]
    try:
        return read(data)
    except _MismatchError as error:
        mismatch = _put_before(f".{place}" if place else "", error).args[0]
        raise UserError(f"{file}{mismatch.describe()}: {say_remedy(file)}.") from None


def from_params(cls: type[_Built], params: Mapping[str, object]) -> _Built:
    """Return what a job is given, a dataclass, from the params of its rule."""
    return from_plain(cls, dict(params), Path("the job's params"))


@cache
def _make_reader(kind: Any) -> _Read:  # noqa: ANN401 - a type, or a form such as `list[int]`
    """Return what reads values of a type; made once, since a study has thousands of records."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (object, Any):
        return lambda value: value
    if origin in (Union, types.UnionType):
        return _make_union_reader(arguments)
    if origin in (list, tuple):
        return _make_list_reader(origin, _make_reader(arguments[0]))
    if origin is dict:
        return _make_table_reader(_make_reader(arguments[1]))
    if origin is Literal:
        return _make_choice_reader(arguments)
    return _make_class_reader(kind)


def _make_class_reader(kind: type[Any]) -> _Read:
    if kind in _KINDS:
        return _make_scalar_reader((kind,))
    if kind is types.NoneType:
        return _read_nothing
    if is_dataclass(kind):
        return _make_dataclass_reader(kind)
    if issubclass(kind, StrEnum):
        return _make_enum_reader(kind)
    if issubclass(kind, tuple):
        return _make_named_tuple_reader(kind)
    raise TypeError(f"no plain value becomes {kind}")


def _make_scalar_reader(kinds: tuple[type, ...], *, is_optional: bool = False) -> _Read:
    accepted = {*kinds, *([int] if float in kinds else []), *([types.NoneType] * is_optional)}
    # In one order: `int | str` and `str | int` are equal, and share a reader.
    name = "/".join(name for kind, name in _KINDS.items() if kind in kinds)

    def read(value: object) -> object:
        if type(value) not in accepted or (type(value) is float and not math.isfinite(value)):
            raise _refuse(value, name)
        return value

    return read


def _make_union_reader(kinds: tuple[Any, ...]) -> _Read:
    """Return what reads a value that may be missing, or of one of several kinds.

    Of several dataclasses the value is the first whose required fields it has; others have no such
    key.
    """
    given = tuple(kind for kind in kinds if kind is not types.NoneType)
    is_optional = len(given) < len(kinds)
    if all(kind in _KINDS for kind in given):
        return _make_scalar_reader(given, is_optional=is_optional)
    readers = [_make_reader(kind) for kind in given]
    # No table stands for a scalar beside dataclasses.
    required = [_list_required(kind) if is_dataclass(kind) else None for kind in given]
    if len(given) == 1:
        required = [frozenset[str]()]

    def read(value: object) -> object:
        if value is None and is_optional:
            return None
        for keys, read_kind in zip(required, readers, strict=True):
            if not isinstance(value, dict) or (keys is not None and keys <= value.keys()):
                return read_kind(value)
        return readers[0](value)

    return read


def _read_nothing(value: object) -> None:
    if value is not None:
        raise _refuse(value, "null")


def _make_list_reader(build: type, read_item: _Read) -> _Read:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise _refuse(value, "list")
        items: list[object] = []
        try:
            for item in value:
                items.append(read_item(item))
        except _MismatchError as error:
            raise _put_before(f"[{len(items)}]", error) from None
        return build(items)

    return read


def _make_table_reader(read_item: _Read) -> _Read:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _refuse(value, "table")
        items: dict[object, object] = {}
        key: object = None
        try:
            for key, item in value.items():
                items[key] = read_item(item)
        except _MismatchError as error:
            raise _put_before(f".{key}", error) from None
        return items

    return read


def _make_choice_reader(choices: tuple[object, ...]) -> _Read:
    def read(value: object) -> object:
        if value not in choices:
            raise _refuse(value, "/".join(map(str, choices)))
        return value

    return read


def _make_enum_reader(kind: type[StrEnum]) -> _Read:
    def read(value: object) -> object:
        try:
            return kind(str(value))
        except ValueError:
            raise _refuse(value, kind.__name__.lower()) from None

    return read


def _make_named_tuple_reader(kind: type) -> _Read:
    readers = [_make_reader(item) for item in get_type_hints(kind).values()]

    def read(value: object) -> object:
        if not isinstance(value, list) or len(value) != len(readers):
            raise _refuse(value, f"list of {len(readers)}")
        return kind(*(read_item(item) for read_item, item in zip(readers, value, strict=True)))

    return read


def _make_dataclass_reader(cls: type[Any]) -> _Read:
    hints = get_type_hints(cls)
    required = _list_required(cls)
    readers = [(entry.name, _make_reader(hints[entry.name])) for entry in fields(cls)]

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _refuse(value, "table")
        values: dict[str, object] = {}
        name = ""
        try:
            for name, read_field in readers:
                if name in value:
                    values[name] = read_field(value[name])
                elif name in required:
                    raise _refuse(None, _MISSING)
        except _MismatchError as error:
            raise _put_before(f".{name}", error) from None
        return cls(**values)

    return read


def _list_required(cls: Any) -> frozenset[str]:  # noqa: ANN401 - a dataclass
    return frozenset(
        entry.name
        for entry in fields(cls)
        if entry.default is MISSING and entry.default_factory is MISSING
    )
