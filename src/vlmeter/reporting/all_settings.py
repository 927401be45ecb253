"""Tabulates all settings of a study, a row per computation, with the records behind each row."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from vlmeter.axes import AXES
from vlmeter.reporting.formats import get_value_label
from vlmeter.reporting.goals import SHARES_OF_RIGHT
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.sections.cell_view import CellView, build_cell_view
from vlmeter.reporting.settings import format_axis_value, format_setting
from vlmeter.results.numbers import (
    DASH,
    Scale,
    format_number,
    format_percent,
    format_quantity,
    format_with_interval,
)
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import group_same_computations
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status
from vlmeter.storage.layout import CellKey, StudyFolder

MOST_ROWS = 300
"""Most rows of the table: more would make a page that no mail takes."""
MOST_RECORDS = 40
"""Most records of a row: hundreds of settings may compute the same."""


def _get_energy_per_right(row: SummaryRow) -> float | None:
    if row.energy is None or not row.task_value or row.task_metric not in SHARES_OF_RIGHT:
        return None
    return row.energy / row.task_value


_READ: dict[str, Callable[[SummaryRow], float | None]] = {
    "quality": lambda row: row.wer_value if row.task_value is None else row.task_value,
    "latency": lambda row: row.latency,
    "generated": lambda row: row.samples_per_s,
    "passed": lambda row: row.batch_size / row.latency if row.latency else None,
    "requested": lambda row: row.request_samples_per_s,
    "energy": lambda row: row.energy,
    "energy_per_right": _get_energy_per_right,
    "memory": lambda row: row.peak_memory_bytes,
    "first_token": lambda row: row.time_to_first_token_s,
    "output_token": lambda row: row.time_per_output_token_s,
    "tokens_per_s": lambda row: row.tokens_per_s,
    "tokens_per_joule": lambda row: 1 / row.energy_per_token_j if row.energy_per_token_j else None,
    "wer": lambda row: row.wer_value,
    "flops": lambda row: row.flops,
}
"""What each column of figures shows."""
_UNITS = {
    "latency": "s",
    "energy": "J",
    "energy_per_right": "J",
    "memory": "B",
    "first_token": "s",
    "output_token": "s",
    "flops": "FLOP",
}
"""Units of columns, which take the prefix that suits them."""
_SHOWN = ("quality", "latency", "generated", "passed", "energy", "memory")
"""Columns that the page shows before a reader chooses."""


class Column(NamedTuple):
    """A column of figures."""

    name: str
    heading: str
    shown: bool
    """Whether a reader sees it without choosing."""


class Value(NamedTuple):
    """A figure of a row."""

    text: str
    number: float | None
    """What the column is sorted by."""


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


@dataclass(frozen=True)
class SettingRow:
    """Cells of a data set that run the same computation; most rows are one cell."""

    setting: str
    same: tuple[str, ...]
    """Values of axes at which the other cells compute the same."""
    dataset: str
    metric: str
    state: str
    """`ok`, `disturbed`, or the status of a cell without figures."""
    values: tuple[Value, ...]
    axes: str
    """The values of each varied axis, as JSON."""
    keys: str
    """Data set and id of each cell, as JSON."""
    records: tuple[RecordView, ...]


@dataclass(frozen=True)
class SettingsTable:
    """All settings."""

    columns: tuple[Column, ...]
    rows: tuple[SettingRow, ...]
    axes: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Name, heading and values of each axis that varies."""
    left_out: int
    """Number of rows that only `summary.csv` has."""
    records_left_out: int
    """Number of the rows' settings whose record is not among `records`."""

    @property
    def datasets(self) -> list[str]:
        """The labels of the data sets, in the order of the rows."""
        return list(dict.fromkeys(row.dataset for row in self.rows))

    @property
    def states(self) -> list[str]:
        """What the rows' states are."""
        return list(dict.fromkeys(row.state for row in self.rows))


def build_settings_table(outline: Outline, rows: Sequence[SummaryRow]) -> SettingsTable:
    """Return the table of all settings.

    Args:
        outline: The study's outline.
        rows: The rows of `summary.csv`.
    """
    groups = list(_group(rows))
    shown = groups[:MOST_ROWS]
    numbers = {name: [read(group[0]) for group in shown] for name, read in _READ.items()}
    kept = [name for name, values in numbers.items() if any(value is not None for value in values)]
    scales = {name: Scale.of(numbers[name], _UNITS.get(name, "")) for name in kept}
    varied = list(_list_varied(rows))
    return SettingsTable(
        columns=tuple(
            Column(
                name, say(f"settings.{name}", unit=_get_unit(name, scales[name])), name in _SHOWN
            )
            for name in kept
        ),
        rows=tuple(
            _build_row(
                group,
                outline,
                varied,
                tuple(_format_value(name, _READ[name](group[0]), scales[name]) for name in kept),
                place,
            )
            for place, group in enumerate(shown)
        ),
        axes=tuple(
            (axis, say(f"axis_heading.{axis}"), _list_values(axis, rows)) for axis in varied
        ),
        left_out=len(groups) - len(shown),
        records_left_out=sum(max(0, len(group) - MOST_RECORDS) for group in shown),
    )


def _group(rows: Sequence[SummaryRow]) -> Iterator[list[SummaryRow]]:
    """Yield the cells of each computation, an undisturbed one first, in the rows' order."""
    group_of = {id(row): group for group in group_same_computations(rows) for row in group}
    shown: set[int] = set()
    for row in rows:
        if id(row) not in shown:
            group = group_of.get(id(row), [row])
            shown.update(map(id, group))
            yield sorted(group, key=lambda cell: bool(cell.disturbed))


def _list_varied(rows: Sequence[SummaryRow]) -> Iterator[str]:
    for axis in AXES:
        if len({getattr(row, axis.name) for row in rows}) > 1:
            yield axis.name


def _list_values(axis: str, rows: Iterable[SummaryRow]) -> tuple[str, ...]:
    values = dict.fromkeys(getattr(row, axis) for row in rows)
    return tuple(get_value_label(axis, value) for value in values)


def _get_unit(name: str, scale: Scale) -> str:
    return scale.unit if name in _UNITS else ""


def _format_value(name: str, number: float | None, scale: Scale) -> Value:
    if number is None:
        return Value(DASH, None)
    text = scale.format(number) if name in _UNITS else format_number(number)
    return Value(text, number)


def _build_row(
    group: Sequence[SummaryRow],
    outline: Outline,
    varied: Sequence[str],
    values: tuple[Value, ...],
    place: int,
) -> SettingRow:
    first = group[0]
    label = outline.datasets[first.dataset].label
    settings = [_name_setting(row, outline) for row in group]
    metric = first.task_metric_label if first.task_value is not None else "WER"
    return SettingRow(
        setting=settings[0],
        same=tuple(_list_other_values(group)),
        dataset=label,
        metric="" if _READ["quality"](first) is None else translate(metric),
        state=_get_state(first),
        values=values,
        axes=json.dumps(
            {
                axis: sorted({get_value_label(axis, getattr(row, axis)) for row in group})
                for axis in varied
            },
            ensure_ascii=False,
        ),
        keys=json.dumps([[row.dataset, row.cell] for row in group]),
        records=tuple(
            _build_record(row, label, name, f"record-{place}-{number}")
            for number, (row, name) in enumerate(
                zip(group[:MOST_RECORDS], settings[:MOST_RECORDS], strict=True)
            )
        ),
    )


def _list_other_values(group: Sequence[SummaryRow]) -> Iterator[str]:
    for axis in _list_varied(group):
        own = getattr(group[0], axis)
        for value in dict.fromkeys(getattr(row, axis) for row in group):
            if value != own:
                yield format_axis_value(axis, value)


def _name_setting(row: SummaryRow, outline: Outline) -> str:
    setting = format_setting(row, outline.base)
    several = len(outline.models) > 1
    return f"{outline.models[row.model].label} · {setting}" if several else setting


def _get_state(row: SummaryRow) -> str:
    return "disturbed" if row.status == Status.OK and row.disturbed else str(row.status)


def _build_record(row: SummaryRow, label: str, setting: str, anchor: str) -> RecordView:
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
    yield say("record.disturbance"), row.disturbance
    if row.weights_bytes:
        yield say("cost.weights"), format_quantity(row.weights_bytes, "B")
    yield say("record.attention"), row.model_attention
    yield say("record.decoding"), row.decoding
    yield say("trait.attempt"), str(row.attempt or "")
    yield say("trait.git_commit"), (row.git_commit or "")[:12]
    yield say("trait.code_digest"), row.code_digest
    yield say("record.cell"), row.cell
