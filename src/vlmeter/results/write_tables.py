"""Writes a study's tables, as CSV and as parquet, from the dataclasses of their rows."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.escaping import csv_text
from vlmeter.results.columns import Kind, list_columns
from vlmeter.results.tables import ARROW_TYPES
from vlmeter.storage.files import replacing, write_text

_Row = TypeVar("_Row")

_PANDAS_TYPES = {"text": "str", "number": "float64", "integer": "Int64", "flag": "boolean"}
"""The pandas type of each kind of column; all can hold a missing value."""
_SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which a damaged text may have and UTF-8 cannot hold."""


def write_csv(rows: Sequence[_Row], row_type: type[_Row], path: Path) -> None:
    """Write rows as CSV; no text in it is taken for a formula."""
    frame = pd.DataFrame(
        {
            column.name: pd.array(
                [_escape(getattr(row, column.name)) for row in rows],
                dtype=_PANDAS_TYPES[column.kind],  # type: ignore[call-overload]
            )
            for column in list_columns(row_type)
        }
    )
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_parquet(rows: Sequence[_Row], row_type: type[_Row], path: Path) -> None:
    """Write rows as parquet, each text as it is; a column's metadata has unit and description."""
    columns = list_columns(row_type)
    schema = pa.schema(
        [
            pa.field(
                column.name,
                ARROW_TYPES[column.kind],
                metadata={"unit": column.unit, "description": column.description},
            )
            for column in columns
        ]
    )
    values = [
        {column.name: _encode(getattr(row, column.name), column.kind) for column in columns}
        for row in rows
    ]
    with replacing(path) as aside:
        pq.write_table(pa.Table.from_pylist(values, schema=schema), aside)


def _escape(value: object) -> object:
    return csv_text(value) if isinstance(value, str) else value


def _encode(value: object, kind: Kind) -> object:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    # Arrow refuses an integer that no float equals.
    return float(value) if kind == "number" and isinstance(value, int) else value
