"""Reads a study's tables as rows of plain values."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vlmeter.errors import UserError
from vlmeter.files import check_whole, checksums, read_json
from vlmeter.reporting.columns import DIFFERENCE_COLUMNS, LAYER_COLUMNS, Column
from vlmeter.reporting.summary_columns import SUMMARY_COLUMNS
from vlmeter.reporting.text import csv_original

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
