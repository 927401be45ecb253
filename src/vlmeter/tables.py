"""Writes the tables of a study: as CSV for people and spreadsheets, as parquet just as they are."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError
from vlmeter.files import check_whole, checksums, read_json, replacing, write_text
from vlmeter.reporting.columns import Column
from vlmeter.reporting.frames import PANDAS_TYPES, TABLES, Row
from vlmeter.reporting.text import csv_text

Plain = Mapping[str, Any]

_ARROW_TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "flag": pa.bool_(),
}


_SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which a damaged text may have and UTF-8 cannot hold."""


def write_csv(rows: Sequence[Plain], columns: Sequence[Column], path: Path) -> None:
    """Write rows as CSV; no text in it is taken for a formula."""
    frame = pd.DataFrame(
        {
            column.name: pd.array(
                [_storable(row.get(column.name)) for row in rows],
                dtype=PANDAS_TYPES[column.kind],  # type: ignore[call-overload]
            )
            for column in columns
        }
    )
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_parquet(rows: Sequence[Plain], columns: Sequence[Column], path: Path) -> None:
    """Write rows as parquet, each text as it is; a column's metadata has unit and description."""
    schema = pa.schema(
        [
            pa.field(
                column.name,
                _ARROW_TYPES[column.kind],
                metadata={"unit": column.unit, "description": column.description},
            )
            for column in columns
        ]
    )
    values = [{column.name: _encodable(row.get(column.name)) for column in columns} for row in rows]
    with replacing(path) as aside:
        pq.write_table(pa.Table.from_pylist(values, schema=schema), aside)


def read_parquet(path: Path) -> list[Row]:
    """Return the rows that `write_parquet` wrote; their checksum lies beside them.

    Raises:
        UserError: the file is missing or damaged.
    """
    check_whole(path, checksums(read_json(path.with_name(TABLES))).get(path.name))
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): run the aggregation again.") from None
    return rows


def _storable(value: object) -> object:
    return csv_text(value) if isinstance(value, str) else value


def _encodable(value: object) -> object:
    return _SURROGATES.sub("\ufffd", value) if isinstance(value, str) else value
