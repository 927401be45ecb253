"""What `study.json` holds of a study, for programs, and how it is read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.machine.description import Machine
from vlmeter.results.columns import Column, restore_row
from vlmeter.results.difference_row import DIFFERENCE_COLUMNS
from vlmeter.results.fits import FIT_COLUMNS
from vlmeter.results.layer_row import LAYER_COLUMNS
from vlmeter.results.money import MONEY_COLUMNS
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SUMMARY_COLUMNS, SummaryRow
from vlmeter.results.tables import Summary
from vlmeter.storage.files import read_json
from vlmeter.storage.layout import CellKey, StudyFolder
from vlmeter.storage.typed import from_plain

Value = str | float | int | bool | None
"""A value of a table."""

_LATER = {"checksum", "decisions", "fits", "money", "files"}
"""Keys that a study of an earlier version does without."""
LAYOUT = 1
"""Counts up whenever a key or a column changes its meaning or goes; a new one changes nothing."""

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
    "fits": "Likewise a row per setting and memory of the config's `fits`.",
    "money": "Likewise a row per cell, where the config has prices.",
    "files": "SHA-256 of `fits.csv` and `money.csv`, which are written with this file.",
    "decisions": "For each data set and model what may be chosen (`contest`: the computations with "
    "what each carries), the config's limits, and the best settings under them.",
    "checksum": "SHA-256 of the file's text with this value left empty.",
}
"""The file's keys, in their order."""

TABLES: dict[str, Sequence[Column]] = {
    "summary": SUMMARY_COLUMNS,
    "layers": LAYER_COLUMNS,
    "differences": DIFFERENCE_COLUMNS,
    "fits": FIT_COLUMNS,
    "money": MONEY_COLUMNS,
}


@dataclass(frozen=True)
class Exported:
    """A finished study, as its `study.json` holds it."""

    folder: Path
    outline: Outline
    machine: Machine
    repeats: Repeats
    version: str
    """The version of VLMeter that wrote it."""
    rows: Summary


def read_exported(folder: Path) -> Exported:
    """Return a finished study.

    Raises:
        UserError: there is none, or one that this version cannot read.
    """
    path = StudyFolder(folder).study
    if not folder.is_dir():
        raise UserError(
            f"{folder} is no folder: give that of a finished study, such as results/my-study."
        )
    if not path.exists():
        raise UserError(
            f"{folder} has no {path.name}: it holds no finished study, or one of an older "
            "version. Run the study to its end; what is measured already is not measured again."
        )
    content = read_json(path)
    layout = content.get("layout")
    missing = [key for key in KEYS if key not in content and key not in _LATER]
    if layout != LAYOUT or missing:
        lack = f" without {missing[0]}" if missing else ""
        raise UserError(
            f"{path} has layout {layout}{lack}, and this version reads layout {LAYOUT}: run that "
            "study again with this version."
        )
    return Exported(
        folder=folder,
        outline=from_plain(Outline, content["outline"], path, "outline"),
        machine=from_plain(Machine, content["machine"], path, "machine"),
        repeats=from_plain(Repeats, content["repeatability"], path, "repeatability"),
        version=str(content["vlmeter"]),
        rows=_read_rows(content["summary"], path),
    )


def _read_rows(summary: object, path: Path) -> Summary:
    rows = from_plain(tuple[dict[str, Value], ...], summary, path, "summary")
    absent = [column.name for column in SUMMARY_COLUMNS if rows and column.name not in rows[0]]
    if absent:
        raise UserError(
            f"{path} lacks the column {absent[0]}: it comes from another version. Run that study "
            "again with this one; what is measured already is not measured again."
        )
    restored = [restore_row(SummaryRow, row) for row in rows]
    return {CellKey(row.dataset, row.cell): row for row in restored}
