"""Reads a study's tables as rows of plain values."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError
from vlmeter.escaping import csv_original, csv_text
from vlmeter.results.columns import DIFFERENCE_COLUMNS, LAYER_COLUMNS, Column
from vlmeter.results.summary_columns import SUMMARY_COLUMNS
from vlmeter.storage.files import check_whole, checksums, read_json, replacing, write_text

Row = dict[str, Any]
"""A row by column name; None where the table has no value."""
Differences = Mapping[tuple[str, str, str], Row]
"""The rows of `differences.csv` by data set, cell and base."""

PANDAS_TYPES = {"text": "str", "number": "float64", "integer": "Int64", "flag": "boolean"}
"""The pandas type of each kind of column; all can hold a missing value."""

TABLES = "tables.json"
"""File beside the tables that holds their checksums."""


def read_summary(path: Path, wanted: Collection[str] | None = None) -> dict[tuple[str, str], Row]:
    """Return the rows of `summary.csv` by data set and cell.

    Args:
        path: The table.
        wanted: Columns to read beside data set and cell, since reading all columns of thousands
            of rows takes a second. None reads all.

    Raises:
        UserError: the file is missing or is not the table that `aggregate` writes.
    """
    columns = [
        column
        for column in SUMMARY_COLUMNS
        if wanted is None or column.name in {"dataset", "cell", *wanted}
    ]
    return {(row["dataset"], row["cell"]): row for row in _read(path, columns)}


def read_layers(path: Path) -> list[Row]:
    """Return the rows of `layers.csv`.

    Raises:
        UserError: the file is missing or is not the table that `aggregate` writes.
    """
    return _read(path, LAYER_COLUMNS)


def read_differences(path: Path) -> dict[tuple[str, str, str], Row]:
    """Return the rows of `differences.csv` by data set, cell and base.

    Raises:
        UserError: the file is missing or is not the table that `aggregate` writes.
    """
    rows = _read(path, DIFFERENCE_COLUMNS)
    return {(row["dataset"], row["cell"], row["base"]): row for row in rows}


def _read(path: Path, columns: Sequence[Column]) -> list[Row]:
    checksums_json = path.with_name(TABLES)
    if checksums_json.exists():
        check_whole(path, checksums(read_json(checksums_json)).get(path.name))
    kinds = {column.name: PANDAS_TYPES[column.kind] for column in columns}
    try:
        frame = pd.read_csv(
            path,
            usecols=lambda name: name in kinds,
            dtype=kinds,
            keep_default_na=False,
            na_values=[""],
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): run the aggregation again.") from None
    missing = [column.name for column in columns if column.name not in frame]
    if missing:
        raise UserError(f"{path} lacks the column {missing[0]}: run the aggregation again.")
    for column in columns:
        if column.kind == "text":
            frame[column.name] = frame[column.name].map(csv_original, na_action="ignore")
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


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
