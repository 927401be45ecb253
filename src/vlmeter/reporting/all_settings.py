"""Tabulates the settings of a study, a row per computation, with the records behind each row."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.axes import AXES
from vlmeter.reporting.formats import get_value_label
from vlmeter.reporting.goals import SHARES_OF_RIGHT
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.records import RecordView, build_record
from vlmeter.reporting.settings import format_axis_value, format_setting
from vlmeter.results.numbers import DASH, Scale, format_number
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import group_same_computations
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status
from vlmeter.storage.layout import CellKey

MOST_ROWS = 200
"""Most rows of the table: more would make a page that no mail takes."""
MOST_RECORDS = 200
"""Most records of the page, of which each row has its share."""
MOST_OF_ROW = 40
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

_DENSE = (",", ":")
"""JSON without spaces, of which a page has one in every row."""


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
    """The ids of the cells by the name of their data set, as JSON."""
    records: tuple[RecordView, ...]


@dataclass(frozen=True)
class SettingsTable:
    """All settings."""

    columns: tuple[Column, ...]
    rows: tuple[SettingRow, ...]
    axes: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Name, heading and values of each axis that varies."""
    count: int
    """Number of computations, of which a large study shows some."""
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


def build_settings_table(
    outline: Outline, rows: Sequence[SummaryRow], first: Iterable[CellKey] = ()
) -> SettingsTable:
    """Return the table of all settings; of a large study, of `MOST_ROWS` computations.

    Args:
        outline: The study's outline.
        rows: The rows of `summary.csv`.
        first: The settings that a large study shows first of all.
    """
    groups = list(_group(rows))
    shown = _select(groups, first)
    numbers = {name: [read(group[0]) for group in shown] for name, read in _READ.items()}
    kept = [name for name, values in numbers.items() if any(value is not None for value in values)]
    scales = {name: Scale.of(numbers[name], _UNITS.get(name, "")) for name in kept}
    varied = list(_list_varied(rows))
    most = max(1, min(MOST_OF_ROW, MOST_RECORDS // max(1, len(shown))))
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
                [f"record-{place}-{number}" for number in range(min(most, len(group)))],
            )
            for place, group in enumerate(shown)
        ),
        axes=tuple(
            (axis, say(f"axis_heading.{axis}"), _list_values(axis, rows)) for axis in varied
        ),
        count=len(groups),
        records_left_out=sum(max(0, len(group) - most) for group in shown),
    )


def _select(
    groups: Sequence[list[SummaryRow]], first: Iterable[CellKey]
) -> Sequence[list[SummaryRow]]:
    """Return at most `MOST_ROWS` groups in their order: those of the first cells, then the rest."""
    places = {
        CellKey(row.dataset, row.cell): place for place, group in enumerate(groups) for row in group
    }
    named = (places[key] for key in first if key in places)
    kept = list(dict.fromkeys([*named, *range(len(groups))]))[:MOST_ROWS]
    return [groups[place] for place in sorted(kept)]


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
    anchors: Sequence[str],
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
            separators=_DENSE,
        ),
        keys=json.dumps({first.dataset: [row.cell for row in group]}, separators=_DENSE),
        records=tuple(
            build_record(row, label, name, anchor)
            for row, name, anchor in zip(group, settings, anchors, strict=False)
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
