"""Says what is known of each cell, which a row of the table of all settings opens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vlmeter.reporting.language import say, translate
from vlmeter.reporting.sections.cell_view import CellView, build_cell_view
from vlmeter.results.numbers import format_percent, format_quantity, format_with_interval
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey, StudyFolder


@dataclass(frozen=True)
class RecordView:
    """What is known of a cell."""

    anchor: str
    setting: str
    cell: CellView
    facts: tuple[tuple[str, str], ...]
    """Headings and texts on how the cell was measured."""
    files: tuple[tuple[str, str], ...]
    """Heading and address of what lies beside the page."""


def build_record(row: SummaryRow, label: str, setting: str, anchor: str) -> RecordView:
    """Return what is known of a cell.

    Args:
        row: Its row of `summary.csv`.
        label: The data set's label.
        setting: Its setting in words.
        anchor: Id of the element that shows it.
    """
    folder = StudyFolder(Path())
    key = CellKey(row.dataset, row.cell)
    files = {
        say("record.file"): folder.cell(key).record,
        say("record.log"): folder.log("cells", row.dataset, row.cell, "inference"),
    }
    return RecordView(
        anchor=anchor,
        setting=setting,
        cell=build_cell_view(row, label),
        facts=tuple((heading, text) for heading, text in _list_facts(row) if text),
        files=tuple((heading, quote(path.as_posix())) for heading, path in files.items()),
    )


def _list_facts(row: SummaryRow) -> Iterator[tuple[str, str | None]]:
    if row.task_value is not None:
        figure = format_with_interval(row.task_value, row.task_low, row.task_high)
        yield translate(row.task_metric_label), figure
    if row.latency is not None:
        milliseconds = format_with_interval(
            row.latency, row.latency_low_s, row.latency_high_s, 1e-3
        )
        yield say("table.latency"), f"{milliseconds} {say('record.ms')}"
    if row.energy is not None:
        joules = format_with_interval(row.energy, row.energy_low_j, row.energy_high_j)
        yield say("table.energy"), f"{joules} {say('record.j')}"
    if row.foreign_cpu_share is not None:
        yield say("record.others"), format_percent(row.foreign_cpu_share)
    yield say("record.disturbance"), translate(row.disturbance or "")
    if row.weights_bytes:
        yield say("cost.weights"), format_quantity(row.weights_bytes, "B")
    yield say("record.attention"), row.model_attention
    yield say("record.decoding"), translate(row.decoding or "")
    yield say("trait.attempt"), str(row.attempt or "")
    yield say("trait.git_commit"), (row.git_commit or "")[:12]
    yield say("trait.code_digest"), row.code_digest
    yield say("record.cell"), row.cell
