"""What the columns of a table hold, by its first rows on disk or by its types on the Hub."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from vlmeter.data.cells import Cell, CellError, is_missing, parse_brackets
from vlmeter.data.image_files import Picture, read_image
from vlmeter.data.parquet_files import Files, list_row_groups
from vlmeter.data.row_files import describe_row_table, is_row_table, read_row_table
from vlmeter.errors import UserError
from vlmeter.storage.texts import compose

_FIRST_ROWS = 32


class Kind(StrEnum):
    """What a column holds, as far as it decides what it can be taken for."""

    IMAGE = "images"
    TEXT = "texts"
    LIST = "lists of texts"
    NUMBER = "numbers"
    TABLE = "tables"
    OTHER = "something else"


@dataclass(frozen=True)
class DescribedColumn:
    """A column of a table; its name and those of its fields are composed."""

    name: str
    kind: Kind
    fields: tuple[str, ...] = ()
    """Of a table, or of a list of tables."""
    values: tuple[object, ...] = ()
    """Of the first rows on disk, without those that are missing; empty on the Hub."""


def describe_columns(files: Files) -> list[DescribedColumn]:
    """Describe the columns of a split; on the Hub only the footer of its first file is read.

    Raises:
        UserError: the first table is empty, or not of the format that its name says.
    """
    path = files.paths[0]
    if is_row_table(path):
        names, _ = describe_row_table(Path(path))
        return _describe_rows(names, read_row_table(Path(path), names))
    group = next(list_row_groups(files, path, [], 0), None)
    if group is None:
        raise UserError(f"{path} has no rows: give a table that has some.")
    if not files.is_local:
        with files.filesystem.open(path) as file:
            schema = pq.ParquetFile(file, metadata=group.footer).schema_arrow
        return [_describe_type(compose(field.name), field.type) for field in schema]
    names = list(pq.read_schema(path).names)
    rows = group.read(files, names, list(range(min(group.rows, _FIRST_ROWS))))
    return _describe_rows(list(map(compose, names)), (row.values for row in rows))


def _describe_rows(
    names: Sequence[str], rows: Iterable[Mapping[str, object]]
) -> list[DescribedColumn]:
    first = list(islice(rows, _FIRST_ROWS))
    return [_describe_values(name, [row[name] for row in first]) for name in names]


def _describe_values(name: str, cells: Iterable[object]) -> DescribedColumn:
    values = tuple(value for value in cells if not is_missing(value) and value != "")
    kinds = {_find_kind(name, value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else _join(kinds)
    fields = dict.fromkeys(field for value in values for field in _list_fields(value))
    return DescribedColumn(name, kind, tuple(fields) if kind is Kind.TABLE else (), values)


def _list_fields(value: object) -> Iterator[str]:
    held = parse_brackets(value)
    for each in held if isinstance(held, list) else [held]:
        if isinstance(each, Mapping):
            yield from (compose(str(name)) for name in each)


def _join(kinds: set[Kind]) -> Kind:
    """Return what a column with several kinds holds: a list may stand as its only text."""
    if kinds and kinds <= {Kind.TEXT, Kind.NUMBER, Kind.LIST}:
        return Kind.LIST if Kind.LIST in kinds else Kind.TEXT
    return Kind.OTHER


def _find_kind(name: str, value: object) -> Kind:
    try:
        picture = read_image(Cell(name, value))
    except CellError:
        picture = None
    if isinstance(picture, Picture) or (picture is not None and _names_image(picture)):
        return Kind.IMAGE
    held = parse_brackets(value)
    if isinstance(held, list):
        inner = {_find_kind(name, each) for each in held if each is not None}
        if inner <= {Kind.TEXT, Kind.NUMBER}:
            return Kind.LIST
        return Kind.TABLE if inner == {Kind.TABLE} else Kind.OTHER
    if isinstance(held, Mapping):
        return Kind.TABLE
    if isinstance(held, int | float) and not isinstance(held, bool):
        return Kind.NUMBER
    return Kind.TEXT if isinstance(value, str) else Kind.OTHER


def _names_image(text: str) -> bool:
    return PurePosixPath(text).suffix.lower() in Image.registered_extensions()


def _describe_type(name: str, kind: pa.DataType) -> DescribedColumn:
    is_list = pa.types.is_nested(kind) and not pa.types.is_struct(kind)
    inner = kind.field(0).type if is_list else kind
    if pa.types.is_struct(inner):
        fields = tuple(compose(inner.field(place).name) for place in range(inner.num_fields))
        held = Kind.IMAGE if {"bytes", "path"} <= set(fields) else Kind.TABLE
        return DescribedColumn(name, held, fields)
    if pa.types.is_binary(inner) or pa.types.is_large_binary(inner):
        return DescribedColumn(name, Kind.IMAGE)
    is_text = pa.types.is_string(inner) or pa.types.is_large_string(inner)
    is_number = pa.types.is_integer(inner) or pa.types.is_floating(inner)
    if not is_text and not is_number:
        return DescribedColumn(name, Kind.OTHER)
    return DescribedColumn(name, Kind.LIST if is_list else Kind.TEXT if is_text else Kind.NUMBER)
