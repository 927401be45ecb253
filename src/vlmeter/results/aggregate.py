"""Puts the records of a study into tidy tables: a row per cell, per module, per comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from vlmeter.errors import UserError, one_line
from vlmeter.results.cell import CellId
from vlmeter.results.columns import list_columns, restore_row
from vlmeter.results.comparisons import Comparisons
from vlmeter.results.difference_row import DifferenceRow
from vlmeter.results.differences import compare_cells
from vlmeter.results.layer_row import LayerRow
from vlmeter.results.record import Record, read_record
from vlmeter.results.repeatability import describe_repeats, write_repeats
from vlmeter.results.summary_row import SummaryRow, build_summary_row
from vlmeter.results.write_tables import write_csv, write_parquet
from vlmeter.storage.files import (
    check_tables,
    check_whole,
    checksums,
    file_sha256,
    read_json,
    text_sha256,
    write_json,
)
from vlmeter.storage.layout import CellKey, StudyFolder
from vlmeter.storage.places import say_remedy
from vlmeter.storage.typed import from_plain


def aggregate(
    records: Sequence[Path],
    layer_tables: Sequence[Path],
    layer_records: Sequence[Path],
    summary_csv: Path,
    layers_csv: Path,
    differences_csv: Path,
    repeatability_json: Path,
    comparisons: Comparisons,
) -> None:
    """Write `summary.csv`, `layers.csv`, `differences.csv` and `repeatability.json`.

    Beside them it writes `summary.parquet`, in which each text is as it is, and `tables.json`, with
    the checksums of them all.

    Args:
        records: `record.json` of every cell, in the order of the rows; `scores.parquet` and
            `predictions.parquet` lie beside each.
        layer_tables: The module tables of the profiled cells.
        layer_records: The JSON beside each of them, under the same stem.
        summary_csv: Written: a row per cell, a `SummaryRow`.
        layers_csv: Written: a row per module, a `LayerRow`.
        differences_csv: Written: a row per pair of cells, a `DifferenceRow`.
        repeatability_json: Written: how well costs repeat, a `Repeats`.
        comparisons: Which cells are compared, and how.

    Raises:
        UserError: a file is missing, cut short or holds what it should not; the message names it.
    """
    read = [read_record(path) for path in records]
    _refuse_repeats(read, records)
    for record, path in zip(read, records, strict=True):
        check_tables({"files": record.files}, path)
    rows = [build_summary_row(record) for record in read]
    by_key = {record.cell.key: row for record, row in zip(read, rows, strict=True)}
    folders = {record.cell.key: path.parent for record, path in zip(read, records, strict=True)}
    repeats = describe_repeats(rows)
    compared = compare_cells(by_key, folders, comparisons, repeats)
    write_csv(rows, SummaryRow, summary_csv)
    write_parquet(rows, SummaryRow, summary_csv.with_suffix(".parquet"))
    write_csv(compared, DifferenceRow, differences_csv)
    write_repeats(repeats, repeatability_json)
    owners = {path.with_suffix(""): path for path in layer_records}
    layer_rows = [row for table in layer_tables for row in _read_profile(table, owners)]
    write_csv(layer_rows, LayerRow, layers_csv)
    tables = (summary_csv, summary_csv.with_suffix(".parquet"), layers_csv, differences_csv)
    contents = {
        "files": {path.name: file_sha256(path) for path in tables},
        # The answers lie beside the records: who reads them sees by this that they changed.
        "records": text_sha256("".join(file_sha256(path) for path in records)),
    }
    write_json(StudyFolder(summary_csv.parent).tables, contents)


def _refuse_repeats(records: Sequence[Record], paths: Sequence[Path]) -> None:
    seen: dict[CellKey, Path] = {}
    for record, path in zip(records, paths, strict=True):
        other = seen.setdefault(record.cell.key, path)
        if other is not path:
            raise UserError(
                f"{other} and {path} hold the same cell {record.cell.id}: delete the wrong one."
            )


def _read_profile(table: Path, owners: Mapping[Path, Path]) -> list[LayerRow]:
    """Return the rows of a profiled cell's table, each with the cell that it is of."""
    owner = owners.get(table.with_suffix(""))
    if owner is None:
        raise UserError(f"{table} has no JSON of the same name beside it: {say_remedy(table)}.")
    plain = read_json(owner)
    if "table" in checksums(plain):
        check_whole(table, checksums(plain)["table"])
    cell = from_plain(CellId, plain.get("cell"), owner, "cell")
    try:
        frame = pd.read_csv(table, keep_default_na=False, na_values=[""])
    except (
        FileNotFoundError,
        pd.errors.EmptyDataError,
        pd.errors.ParserError,
        ValueError,
    ) as error:
        raise UserError(
            f"{table} cannot be read as a table ({one_line(error)}): {say_remedy(table)}."
        ) from None
    frame = frame.assign(cell=cell.id, dataset=cell.dataset)
    columns = list_columns(LayerRow)
    missing = [column.name for column in columns if column.name not in frame]
    if missing:
        raise UserError(f"{table} lacks the column {missing[0]}: {say_remedy(table)}.")
    for column in columns:
        if column.kind == "number":
            frame[column.name] = _convert(frame[column.name], table)
    frame = frame[[column.name for column in columns]]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [
        restore_row(LayerRow, {str(name): value for name, value in row.items()}) for row in rows
    ]


def _convert(values: "pd.Series[float]", table: Path) -> "pd.Series[float]":
    try:
        return pd.to_numeric(values).astype("float64")
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{table}: column {values.name}: {one_line(error)}: {say_remedy(table)}."
        ) from None
