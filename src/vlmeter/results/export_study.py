"""The whole study as one JSON file, for programs: what it was, what was found, what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlmeter.errors import UserError
from vlmeter.provenance import software_versions
from vlmeter.results.columns import DIFFERENCE_COLUMNS, LAYER_COLUMNS, Column
from vlmeter.results.summary_columns import SUMMARY_COLUMNS
from vlmeter.results.tables import SummaryRow, read_differences, read_layers, read_parquet
from vlmeter.storage.files import read_json, write_json

Plain = Mapping[str, Any]

LAYOUT = 1
"""Counts up whenever a key or a column changes its meaning or goes; a new one changes nothing."""

STUDY_JSON = "study.json"

KEYS = {
    "layout": "Number of this layout. It counts up when a key or a column changes its meaning or "
    "goes; new ones may come without.",
    "vlmeter": "Version of VLMeter that wrote the file.",
    "outline": "The study: name, models, data sets, base, sections with their cells, layer "
    "profiles, and the settings of the measurement.",
    "machine": "The machine: hardware, software, idle power, energy sources, commit.",
    "repeatability": "By cost and device, how well a measurement repeats from process to process: "
    "relative standard deviation, degrees of freedom and what they come from.",
    "columns": "By table, its columns: name, kind, unit and description.",
    "summary": "A row per cell: an object by column, null where there is no value.",
    "layers": "Likewise a row per module of each layer profile.",
    "differences": "Likewise a row per cell and cell that it is compared with.",
    "checksum": "SHA-256 of the file's text with this value left empty.",
}
"""The file's keys, in their order."""

TABLES: dict[str, Sequence[Column]] = {
    "summary": SUMMARY_COLUMNS,
    "layers": LAYER_COLUMNS,
    "differences": DIFFERENCE_COLUMNS,
}


@dataclass(frozen=True)
class Exported:
    """What `study.json` tells of a finished study."""

    folder: Path
    outline: Plain
    machine: Plain
    repeatability: Plain
    version: str
    rows: dict[tuple[str, str], SummaryRow]
    """The rows of the summary by data set and cell."""


def export_study(
    outline: Plain,
    summary_parquet: Path,
    layers_csv: Path,
    differences_csv: Path,
    repeatability_json: Path,
    machine_json: Path,
    study_json: Path,
) -> None:
    """Write `study.json`.

    Args:
        outline: `report_outline` of the study.
        summary_parquet: A row per cell.
        layers_csv: A row per module.
        differences_csv: A row per pair of cells.
        repeatability_json: How well costs repeat between processes.
        machine_json: Hardware and software.
        study_json: Written.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    write_json(
        study_json,
        {
            "layout": LAYOUT,
            "vlmeter": software_versions(("vlmeter",))["vlmeter"],
            "outline": dict(outline),
            "machine": read_json(machine_json),
            "repeatability": read_json(repeatability_json),
            "columns": {name: list(map(_described, columns)) for name, columns in TABLES.items()},
            "summary": read_parquet(summary_parquet),
            "layers": read_layers(layers_csv),
            "differences": list(read_differences(differences_csv).values()),
        },
    )


def read_exported(folder: Path) -> Exported:
    """Return a finished study.

    Raises:
        UserError: there is none, or one that this version cannot read.
    """
    path = folder / STUDY_JSON
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder: give that of a finished study, such as results/my-study."
        )
    if not path.exists():
        raise UserError(
            f"{folder} has no {STUDY_JSON}: it holds no finished study, or one of an older "
            "version. Run the study to its end; what is measured already is not measured again."
        )
    told = read_json(path)
    missing = [key for key in KEYS if key not in told and key != "checksum"]
    if told.get("layout") != LAYOUT or missing:
        raise UserError(
            f"{path} has layout {told.get('layout')}{_without(missing)}, and this version reads "
            f"layout {LAYOUT}: run that study again with this version."
        )
    rows: Any = told["summary"]
    absent = [column.name for column in SUMMARY_COLUMNS if rows and column.name not in rows[0]]
    if absent:
        raise UserError(
            f"{path} lacks the column {absent[0]}: it comes from another version. Run that study "
            "again with this one; what is measured already is not measured again."
        )
    return Exported(
        folder=folder,
        outline=_table(told["outline"]),
        machine=_table(told["machine"]),
        repeatability=_table(told["repeatability"]),
        version=str(told["vlmeter"]),
        rows={(row.dataset, row.cell): row for row in rows},
    )


def _without(missing: Sequence[str]) -> str:
    return f" without {missing[0]}" if missing else ""


def _table(value: object) -> Plain:
    return value if isinstance(value, dict) else {}


def _described(column: Column) -> dict[str, str]:
    return {
        "name": column.name,
        "kind": column.kind,
        "unit": column.unit,
        "description": column.description,
    }
