"""Reads a study's tables as the dataclasses of their rows."""

import csv
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from vlmeter.axes import AXIS_NAMES
from vlmeter.errors import UserError, one_line
from vlmeter.escaping import csv_original
from vlmeter.results.columns import Column, list_columns, restore_row
from vlmeter.results.difference_row import DifferenceRow
from vlmeter.results.layer_row import LayerRow
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.files import check_whole, checksums, read_json
from vlmeter.storage.layout import CellKey, DifferenceKey, StudyFolder

Summary = Mapping[CellKey, SummaryRow]
Differences = Mapping[DifferenceKey, DifferenceRow]
_Row = TypeVar("_Row")

ARROW_TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "flag": pa.bool_(),
}
"""The type of each kind of column in a file; a value may be missing in any."""

_PARSING = pa_csv.ParseOptions(newlines_in_values=True)

_ALWAYS_READ = {"dataset", "cell", *AXIS_NAMES}


def read_summary(path: Path, wanted: Collection[str] | None = None) -> dict[CellKey, SummaryRow]:
    """Return the rows of `summary.csv` by cell.

    Args:
        path: The table.
        wanted: Columns to read beside data set, cell and axes, since reading all columns of
            thousands of rows takes a second. None reads all; another is no attribute of the rows.

    Raises:
        UserError: the file is missing or is not the table that `aggregate` writes.
    """
    columns = [
        column
        for column in list_columns(SummaryRow)
        if wanted is None or column.name in _ALWAYS_READ or column.name in wanted
    ]
    return {CellKey(row.dataset, row.cell): row for row in _read(path, SummaryRow, columns)}


def read_layers(path: Path) -> list[LayerRow]:
    """Return the rows of `layers.csv`.

    Raises:
        UserError: the file is missing or is not the table that `aggregate` writes.
    """
    return _read(path, LayerRow, list_columns(LayerRow))


def read_differences(path: Path) -> dict[DifferenceKey, DifferenceRow]:
    """Return the rows of `differences.csv` by data set, cell and base.

    Raises:
        UserError: the file is missing or is not the table that `aggregate` writes.
    """
    rows = _read(path, DifferenceRow, list_columns(DifferenceRow))
    return {DifferenceKey(row.dataset, row.cell, row.base): row for row in rows}


def _read(path: Path, row_type: type[_Row], columns: Sequence[Column]) -> list[_Row]:
    checksums_json = StudyFolder(path.parent).tables
    if checksums_json.exists():
        check_whole(path, checksums(read_json(checksums_json)).get(path.name))
    kinds = {column.name: ARROW_TYPES[column.kind] for column in columns}
    converting = pa_csv.ConvertOptions(
        column_types=kinds, include_columns=list(kinds), null_values=[""], strings_can_be_null=True
    )
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
        missing = [name for name in kinds if name not in header]
        if missing:
            raise UserError(f"{path} lacks the column {missing[0]}: run the aggregation again.")
        table = pa_csv.read_csv(path, parse_options=_PARSING, convert_options=converting)
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        raise UserError(
            f"{path} cannot be read ({one_line(error)}): run the aggregation again."
        ) from None
    texts = [column.name for column in columns if column.kind == "text"]
    rows = table.to_pylist()
    for row in rows:
        row |= {name: csv_original(row[name]) for name in texts if row[name] is not None}
    return [restore_row(row_type, row) for row in rows]


def read_parquet(path: Path) -> list[SummaryRow]:
    """Return the rows of `summary.parquet`; its checksum lies beside it.

    Raises:
        UserError: the file is missing or damaged.
    """
    check_whole(path, checksums(read_json(StudyFolder(path.parent).tables)).get(path.name))
    try:
        values = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path} cannot be read ({one_line(error)}): run the aggregation again."
        ) from None
    return [restore_row(SummaryRow, row) for row in values]
