"""Puts the records of a study into tidy tables: a row per cell, per module, per comparison."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vlmeter.errors import UserError
from vlmeter.results.columns import DIFFERENCE_COLUMNS, LAYER_COLUMNS
from vlmeter.results.differences import compare_cells
from vlmeter.results.repeatability import describe_repeats
from vlmeter.results.summary_columns import SUMMARY_COLUMNS
from vlmeter.results.summary_row import build_summary_row, get_block
from vlmeter.results.tables import TABLES, write_csv, write_parquet
from vlmeter.storage.files import (
    check_tables,
    check_whole,
    checksums,
    file_sha256,
    read_json,
    text_sha256,
    write_json,
)

Plain = Mapping[str, Any]


def aggregate(
    records: Sequence[Path],
    layer_tables: Sequence[Path],
    layer_records: Sequence[Path],
    summary_csv: Path,
    layers_csv: Path,
    differences_csv: Path,
    repeatability_json: Path,
    comparison: Plain,
) -> None:
    """Write `summary.csv`, `layers.csv`, `differences.csv` and `repeatability.json`.

    Beside them come to lie `summary.parquet`, in which each text is as it is, and the checksums of
    them all, in `tables.json`.

    Args:
        records: `record.json` of every cell, in the order of the rows; `scores.parquet` and
            `predictions.parquet` lie beside each.
        layer_tables: The module tables of the profiled cells.
        layer_records: The JSON beside each of them, under the same stem.
        summary_csv: Written: a row per cell, columns as in `SUMMARY_COLUMNS`.
        layers_csv: Written: a row per module, columns as in `LAYER_COLUMNS`.
        differences_csv: Written: a row per pair of cells, columns as in `DIFFERENCE_COLUMNS`.
        repeatability_json: Written: how well costs repeat, as `describe_repeats` tells.
        comparison: `comparison_plan` of the study: which cells are compared, and how.

    Raises:
        UserError: a file is missing, cut short or holds what it should not; the message names it.
    """
    read = [read_json(path) for path in records]
    rows = [build_summary_row(record, path) for record, path in zip(read, records, strict=True)]
    _refuse_repeats(rows, records)
    for record, path in zip(read, records, strict=True):
        check_tables(record, path)
    keys = [(str(row["dataset"]), str(row["cell"])) for row in rows]
    folders = {key: path.parent for key, path in zip(keys, records, strict=True)}
    repeats = describe_repeats(read)
    compared = compare_cells(dict(zip(keys, read, strict=True)), folders, comparison, repeats)
    write_csv(rows, SUMMARY_COLUMNS, summary_csv)
    write_parquet(rows, SUMMARY_COLUMNS, summary_csv.with_suffix(".parquet"))
    write_csv(compared, DIFFERENCE_COLUMNS, differences_csv)
    write_json(repeatability_json, repeats)
    owners = {path.with_suffix(""): path for path in layer_records}
    layer_rows = [row for table in layer_tables for row in _layer_rows(table, owners)]
    write_csv(layer_rows, LAYER_COLUMNS, layers_csv)
    tables = (summary_csv, summary_csv.with_suffix(".parquet"), layers_csv, differences_csv)
    contents = {
        "files": {path.name: file_sha256(path) for path in tables},
        # Tells what reads the answers that lie beside the records that they changed.
        "records": text_sha256("".join(file_sha256(path) for path in records)),
    }
    write_json(summary_csv.with_name(TABLES), contents)


def _refuse_repeats(rows: Sequence[Plain], paths: Sequence[Path]) -> None:
    seen: dict[tuple[object, object], Path] = {}
    for row, path in zip(rows, paths, strict=True):
        other = seen.setdefault((row["dataset"], row["cell"]), path)
        if other is not path:
            raise UserError(
                f"{other} and {path} hold the same cell {row['cell']}: delete the wrong one."
            )


def _layer_rows(table: Path, owners: Mapping[Path, Path]) -> list[dict[str, object]]:
    owner = owners.get(table.with_suffix(""))
    if owner is None:
        raise UserError(f"{table} has no JSON of the same name beside it: profile that cell again.")
    record = read_json(owner)
    if "table" in checksums(record):
        check_whole(table, checksums(record)["table"])
    cell = get_block(record, "cell")
    identity = {
        "cell": cell.get("id", table.stem),
        "dataset": cell.get("dataset", table.parent.name),
    }
    try:
        frame = pd.read_csv(table, keep_default_na=False, na_values=[""])
    except (
        FileNotFoundError,
        pd.errors.EmptyDataError,
        pd.errors.ParserError,
        ValueError,
    ) as error:
        raise UserError(
            f"{table} cannot be read as a table ({error}): delete it and run again."
        ) from None
    wanted = [column for column in LAYER_COLUMNS if column.name not in identity]
    missing = [column.name for column in wanted if column.name not in frame]
    if missing:
        raise UserError(f"{table} lacks the column {missing[0]}: delete it and run again.")
    for column in wanted:
        if column.kind == "number":
            frame[column.name] = _numeric(frame[column.name], table)
    names = [column.name for column in wanted]
    plain = frame[names].astype(object).where(frame[names].notna(), None)
    return [
        {**identity, **{str(key): value for key, value in row.items()}}
        for row in plain.to_dict("records")
    ]


def _numeric(values: "pd.Series[Any]", table: Path) -> "pd.Series[float]":
    try:
        return pd.to_numeric(values).astype("float64")
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{table}: column {values.name}: {error}. Delete it and run again."
        ) from None
