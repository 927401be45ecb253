"""Writes a whole study as one JSON file for programs: its settings, tables and decisions."""

from dataclasses import asdict
from pathlib import Path

from vlmeter.decision.decide_study import Decided, decide_study
from vlmeter.errors import UserError
from vlmeter.provenance import software_versions
from vlmeter.results.exported import LAYOUT, TABLES
from vlmeter.results.fits import FitRow, list_fits
from vlmeter.results.money import MoneyRow, list_money
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import read_repeats
from vlmeter.results.tables import read_differences, read_layers, read_parquet
from vlmeter.results.write_tables import write_csv
from vlmeter.storage.files import file_sha256, read_json, write_json
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.typed import from_plain


def export_study(
    outline: Outline,
    summary_parquet: Path,
    layers_csv: Path,
    differences_csv: Path,
    repeatability_json: Path,
    machine_json: Path,
    study_json: Path,
) -> None:
    """Write `study.json`, with `fits.csv` and `money.csv` beside it.

    Args:
        outline: The study, in the order of its report.
        summary_parquet: A row per cell.
        layers_csv: A row per module.
        differences_csv: A row per pair of cells.
        repeatability_json: How well costs repeat between processes.
        machine_json: Hardware and software.
        study_json: Output.

    Raises:
        UserError: a file is missing or damaged; the message names it.
    """
    rows = read_parquet(summary_parquet)
    differences = read_differences(differences_csv)
    fits = list_fits(rows, outline.memories)
    money = list_money(rows, outline.prices)
    folder = StudyFolder(study_json.parent)
    write_csv(fits, FitRow, folder.fits)
    write_csv(money, MoneyRow, folder.money)
    decided = decide_study(outline, rows, differences, read_repeats(repeatability_json))
    write_json(
        study_json,
        {
            "layout": LAYOUT,
            "vlmeter": software_versions(("vlmeter",))["vlmeter"],
            "outline": asdict(outline),
            "machine": read_json(machine_json),
            "repeatability": read_json(repeatability_json),
            "columns": {name: list(map(asdict, columns)) for name, columns in TABLES.items()},
            "summary": [vars(row) for row in rows],
            "layers": [vars(row) for row in read_layers(layers_csv)],
            "differences": [vars(row) for row in differences.values()],
            "fits": [vars(row) for row in fits],
            "money": [vars(row) for row in money],
            "files": {path.name: file_sha256(path) for path in (folder.fits, folder.money)},
            "decisions": [asdict(entry) for entry in decided],
        },
    )


def read_decided(folder: Path) -> tuple[Decided, ...]:
    """Return the decisions of a finished study, in the order of its report.

    Raises:
        UserError: the study was written by a version that decided nothing, or is damaged.
    """
    path = StudyFolder(folder).study
    content = read_json(path)
    if "decisions" not in content:
        raise UserError(
            f"{path} holds no decisions: it comes from an older version. Run that study again with "
            "this one; what is measured already is not measured again."
        )
    return from_plain(tuple[Decided, ...], content["decisions"], path, "decisions")
