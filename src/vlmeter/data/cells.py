"""What a cell of a table holds: a text, a list of texts, an index, or a kind that none can be.

Every cell of every format comes through here, so that a table says the same as parquet, CSV, TSV
and JSONL. Missing are null, NaN and a key that a JSON object lacks. Bytes are texts in UTF-8. A
whole float is written without its ".0". Anything else, such as a date, a truth value or a table, is
refused: a text made of it by chance would be scored as if someone had written it.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from vlmeter.data.columns import find_column
from vlmeter.data.json_values import Unreadable, parse_json
from vlmeter.errors import UserError, listed, shorten
from vlmeter.storage.texts import find_name

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WHOLE_NUMBER = re.compile(r"([+-]?[0-9]{1,9})(?:\.0*)?")
_KINDS: Mapping[Any, tuple[str, str]] = {
    bool: ("a truth value", "truth values"),
    (int, float, complex): ("a number", "numbers"),
    str: ("a text", "texts"),
    (bytes, bytearray): ("bytes", "bytes"),
    (date, time): ("a date or time", "dates or times"),
    timedelta: ("a length of time", "lengths of time"),
    Decimal: ("a decimal number", "decimal numbers"),
    tuple: ("a pair of key and value", "pairs of key and value"),
}
"""What a value is called in a sentence, by its type: a single one and several; the first fits."""

_UNREADABLE = {
    bytes: ("bytes that are no UTF-8", "bytes that are no UTF-8"),
    str: ("a text with half of a surrogate pair", "half of a surrogate pair"),
    float: ("a number that is not finite", "numbers that are not finite"),
}
"""What is wrong with a value of a kind that can be a text."""


class CellError(ValueError):
    """A cell is of a kind that cannot be used; the message follows the name of its sample."""


class Label(int):
    """A class label of `datasets`: a number whose text is the label's name."""

    name: str

    def __new__(cls, number: int, names: Sequence[str]) -> "Label":
        """Return the label with a number; `names` are those of all labels."""
        label = super().__new__(cls, number)
        label.name = names[number]
        return label

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Cell:
    """A value of a table, with the column that a sentence about it names."""

    column: str
    value: object


def take_cell(values: Mapping[str, object], path: str) -> Cell:
    """Return the cell of a row that a path names: a column, or a field of its tables.

    Of a list of tables it is the list of their fields.

    Raises:
        CellError: the path names a field, and the column holds no tables, or tables in which
            several names are that field's.
    """
    place = find_column(path, values)
    if place is None:
        return Cell(path, None)
    value = values[place.column]
    for field in place.fields:
        value = _take_field(value, field, path)
    return Cell(path, value)


def _take_field(value: object, field: str, path: str) -> object:
    value = parse_brackets(value)
    if isinstance(value, Mapping):
        return _get_field(value, field)
    if isinstance(value, list) and not any(isinstance(each, list) for each in value):
        return [_take_field(each, field, path) for each in value]
    if is_missing(value) or value == "":
        return None
    raise CellError(
        f"has {describe_kind(value)} where column {shorten(path)} names a field: give the "
        "column alone"
    )


def _get_field(table: Mapping[str, object], field: str) -> object:
    try:
        name = find_name(field, table, "its table")
    except UserError as error:
        raise CellError(f"cannot be read; {error}") from None
    return None if name is None else table[name]


def parse_brackets(value: object) -> object:
    """Return what a text in brackets or braces holds as JSON; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if (text[:1], text[-1:]) not in (("[", "]"), ("{", "}")):
        return value
    try:
        return parse_json(text)
    except ValueError:
        return value


def read_text(cell: Cell) -> str | None:
    """Return the text of a cell; None where it is missing.

    Raises:
        CellError: it is neither a text nor a number.
    """
    if is_missing(cell.value):
        return None
    text = _write_text(cell.value)
    if text is None:
        raise _refuse(cell.column, cell.value, "a text is needed")
    return text


def read_texts(cell: Cell) -> list[str | None] | str | None:
    """Return the texts of a cell, or its one text; None where it is missing.

    A text in brackets is a list in JSON. Read as a text, a list in another notation would be a
    reference that no answer equals.

    Raises:
        CellError: it is neither a list of texts nor a text, or is in brackets but no JSON list.
    """
    value = cell.value
    text = _write_text(value) if isinstance(value, str | bytes) else None
    if text is not None and (text.strip()[:1], text.strip()[-1:]) == ("[", "]"):
        value = parse_brackets(text)
        if not isinstance(value, list) or not all(isinstance(each, str | None) for each in value):
            raise CellError(
                f"has a cell {shorten(text, 40)} in column {shorten(cell.column)} that is no JSON "
                'list of texts, such as ["a", "b"]'
            )
    if not isinstance(value, list):
        return read_text(Cell(cell.column, value))
    texts: list[str | None] = []
    for each in value:
        text = None if is_missing(each) else _write_text(each)
        if text is None and not is_missing(each):
            raise _refuse(cell.column, each, "a text or a list of texts is needed", is_item=True)
        texts.append(text)
    return texts


def read_index(cell: Cell) -> int | None:
    """Return the place from 0 that a cell gives as a number or as a letter; None where missing.

    Raises:
        CellError: it is neither.
    """
    value = cell.value
    if isinstance(value, Label):
        return int(value)
    text = (read_text(cell) or "").strip()
    if not text:
        return None
    letter = text.strip("().:").upper()
    if len(letter) == 1 and letter in LETTERS:
        return LETTERS.index(letter)
    number = _WHOLE_NUMBER.fullmatch(text)
    if number is None:
        raise CellError(
            f'has "{shorten(text, 40)}" in column {shorten(cell.column)}: the right option is '
            "given by its number from 0 or its letter from A"
        )
    return int(number[1])


def describe_kind(value: object, *, is_item: bool = False) -> str:
    """Return in words what a value is, or what several of its kind are, with a table's fields."""
    if isinstance(value, Mapping):
        keys = f" with the keys {listed(list(value))}" if value else " without keys"
        return ("a table", "tables")[is_item] + keys
    if isinstance(value, Unreadable):
        return value.several if is_item else value.single
    if isinstance(value, list):
        first = next((each for each in value if each is not None), None)
        items = "" if first is None or is_item else f" of {describe_kind(first, is_item=True)}"
        return ("a list", "lists")[is_item] + items
    name = type(value).__name__
    others = (f"a value of the type {name}", f"values of the type {name}")
    return next((names for kind, names in _KINDS.items() if isinstance(value, kind)), others)[
        is_item
    ]


def is_missing(value: object) -> bool:
    """Say whether a value stands for nothing: null, or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _write_text(value: object) -> str | None:
    """Return a text or a number as text; None for a value of another kind."""
    if isinstance(value, Label):
        return value.name
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        whole = value.is_integer() and abs(value) < 2**53
        return str(int(value)) if whole else repr(value)
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) and _is_encodable(value) else None


def _is_encodable(text: str) -> bool:
    """Say whether a text can be written: JSON can hold half of a surrogate pair, UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(column: str, value: object, needed: str, *, is_item: bool = False) -> CellError:
    """Return the refusal of a value, or of a list with this item."""
    kind = next((names for types, names in _UNREADABLE.items() if isinstance(value, types)), None)
    name = kind[is_item] if kind else describe_kind(value, is_item=is_item)
    hint = ""
    if isinstance(value, Mapping) and value:
        hint = f"; name a field, such as {shorten(column)}.{shorten(next(iter(value)), 40)}"
    held = f"a list with {name}" if is_item else name
    return CellError(f"has {held} in column {shorten(column)}, where {needed}{hint}")
