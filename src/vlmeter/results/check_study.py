"""The last word on a study: a cell with a bug, or a gate that is broken, makes the run fail."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlmeter.errors import UserError
from vlmeter.results.tables import read_summary
from vlmeter.status import Status
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.layout import CellKey, StudyFolder

Plain = Mapping[str, Any]


def check_study(
    summary: Path, layer_records: Sequence[Path], check: Path, gates: Path | None = None
) -> None:
    """Write `check`, a count of the cells by status, unless one is a bug or breaks a gate.

    Args:
        summary: The table of all cells; their records lie below `cells` beside it.
        layer_records: What the layer profiles left.
        check: Path to write to.
        gates: `gates.json`, where the study has gates.

    Raises:
        UserError: naming every cell that ended in an error, and every limit that is broken; the
            report is written by then.
    """
    folder = StudyFolder(summary.parent)
    endings: dict[Path, Plain] = {
        folder.cell(CellKey(*key)).record: row for key, row in read_summary(summary).items()
    }
    endings |= {path: read_json(path) for path in layer_records}
    judged: Plain = {"kept": 0, "broken": 0, "limits": []} if gates is None else read_json(gates)
    problems = [*_list_errors(endings), *_list_broken_limits(judged, gates)]
    if problems:
        raise UserError("\n".join(problems))
    statuses = [str(record["status"]) for record in endings.values()]
    counts = {status.value: statuses.count(status.value) for status in Status}
    limits = {"gates": {"kept": judged["kept"], "broken": 0}} if gates else {}
    write_json(check, {"cells": len(endings), "by_status": counts, **limits})


def _list_errors(endings: Mapping[Path, Plain]) -> Iterator[str]:
    broken = [
        f"{path}: {record['reason']}"
        for path, record in endings.items()
        if record["status"] == Status.ERROR
    ]
    if broken:
        yield (
            f"{len(broken)} of {len(endings)} cells ended in an error; the report is written, and "
            "each record holds its traceback. A cell is tried again up to measure.max_attempts "
            "times; to force one, give --forcerun its measurement.json."
        )
        yield from broken


def _list_broken_limits(judged: Plain, gates: Path | None) -> Iterator[str]:
    limits = [limit for limit in judged["limits"] if not limit["kept"]]
    if limits:
        yield (
            f"{len(limits)} of {len(judged['limits'])} limits are broken; the report is written, "
            f"and {gates} holds every figure."
        )
        columns = ("limit", "dataset", "cell", "found")
        rows = [[str(limit[column]) for column in columns] for limit in limits]
        yield from _align([["limit", "data set", "cell", "found"], *rows])


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
