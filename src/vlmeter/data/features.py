"""Rows of Arrow tables as Python has them, decoded by the features that `datasets` keeps."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from vlmeter.data.cells import Label
from vlmeter.data.json_values import Unreadable
from vlmeter.errors import shorten
from vlmeter.storage.texts import compose

_FEATURES = b"huggingface"

Cells = dict[str, Any]
"""The cells of a row by the name of their column, of whatever type the file holds."""


def _cast(table: pa.Table, matches: Callable[[pa.DataType], bool], *steps: pa.DataType) -> pa.Table:
    """Return a table whose values of matching types are cast, step by step."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        for step in steps:
            target = _replace_types(field.type, matches, step)
            if target != field.type:
                column = column.cast(target)
        table = table.set_column(place, field.with_type(column.type), column)
    return table


def _replace_types(
    kind: pa.DataType, matches: Callable[[pa.DataType], bool], other: pa.DataType
) -> pa.DataType:
    """Return a type in which another stands for those that match, within lists and structs too."""
    if matches(kind):
        return other
    inner = [
        each.with_type(_replace_types(each.type, matches, other))
        for each in (kind.field(place) for place in range(kind.num_fields))
    ]
    if pa.types.is_struct(kind):
        return pa.struct(inner)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return (pa.list_ if pa.types.is_list(kind) else pa.large_list)(inner[0])
    return kind


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _list_rows(table: pa.Table) -> list[Cells]:
    """Return the rows of a table as Python has them.

    A single float becomes the double of its shortest form: 0.1, not 0.10000000149011612.
    """
    table = _cast(table, pa.types.is_float32, pa.string(), pa.float64())
    try:
        return list(table.to_pylist())
    except (ArithmeticError, ValueError):
        # One bad value would end the whole table: each cell is judged alone, texts as bytes.
        table = _cast(table, _is_text, pa.large_binary())
        names = table.column_names
        return [
            {name: _read_cell(table.column(place)[row]) for place, name in enumerate(names)}
            for row in range(len(table))
        ]


def _read_cell(cell: pa.Scalar) -> object:
    """Return a cell as Python has it; Python's calendar ends where Arrow's goes on."""
    try:
        return cell.as_py()
    except (ArithmeticError, ValueError):
        kind = shorten(cell.type, 40)
        return Unreadable(f"a {kind} out of range", f"values of {kind} out of range")


def decode(table: pa.Table, features: Any) -> list[Cells]:  # noqa: ANN401
    """Return rows as `datasets` decodes them; only files stay encoded."""
    if features is None and _FEATURES not in (table.schema.metadata or {}):
        return _list_rows(table)
    # Imported here: the import takes a second, and most tables on disk do not need it.
    from datasets import Features  # noqa: PLC0415
    from datasets.table import table_cast  # noqa: PLC0415

    stored = Features.from_arrow_schema(table.schema)
    declared = stored if features is None else features
    composed = {compose(name): feature for name, feature in declared.items()}
    schema = Features(
        {name: composed.get(compose(name), stored[name]) for name in table.column_names}
    )
    decodable = Features(
        {name: feature for name, feature in schema.items() if _needs_no_file(feature)}
    )
    rows = [
        {**row, **decodable.decode_example({name: row[name] for name in decodable})}
        for row in _list_rows(table_cast(table, schema.arrow_schema))
    ]
    return [
        {name: _name_labels(value, schema[name]) for name, value in row.items()} for row in rows
    ]


def _needs_no_file(feature: Any) -> bool:  # noqa: ANN401 - any of `datasets`' features
    """Say whether `datasets` decodes the values of a feature without opening a file.

    For an image, a sound or a document, however deep in a list, it would open the path or the
    address that the row names, with a reader for that format.
    """
    from datasets import ClassLabel, LargeList, List, Value  # noqa: PLC0415
    from datasets.features import Json  # noqa: PLC0415

    if isinstance(feature, List | LargeList):
        return _needs_no_file(feature.feature)
    if isinstance(feature, dict):
        return all(map(_needs_no_file, feature.values()))
    return isinstance(feature, Value | ClassLabel | Json)


def _name_labels(value: Any, feature: Any) -> Any:  # noqa: ANN401 - whatever a feature describes
    """Return a value with class labels for their numbers, however deep in lists and structs.

    A negative number means no label.
    """
    from datasets import ClassLabel, LargeList, List  # noqa: PLC0415

    if value is None:
        return None
    if isinstance(feature, ClassLabel):
        return None if value < 0 else Label(value, feature.names)
    if isinstance(feature, List | LargeList) and isinstance(value, list):
        return [_name_labels(each, feature.feature) for each in value]
    if isinstance(feature, dict) and isinstance(value, dict):
        return {name: _name_labels(each, feature.get(name)) for name, each in value.items()}
    return value
