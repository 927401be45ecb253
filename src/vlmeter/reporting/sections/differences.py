"""Tabulates the differences between cells, and marks those within the noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vlmeter.axes import AXES, GENERATION_AXES, Axes
from vlmeter.reporting.formats import format_difference, get_status_label, join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.sections.table import choose_task_heading
from vlmeter.reporting.settings import format_axes, format_values, list_changed_axes
from vlmeter.reporting.table import Table, TextColumn, build_table, drop_empty_columns
from vlmeter.results.difference_row import DifferenceRow, Figure, get_difference
from vlmeter.results.numbers import DASH, Scale, format_signed, format_signed_percent
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences
from vlmeter.storage.layout import CellKey, DifferenceKey

_HARMLESS = {axis.name for axis in AXES if not axis.may_change_answers} - GENERATION_AXES
"""Axes that should not change an answer, of those under which answers are computed anew."""
Compared = tuple[SummaryRow, DifferenceRow]
"""A cell, and its difference from the base cell."""
_PARTS: dict[str, Callable[[SummaryRow], int | None]] = {
    "text": lambda row: row.weights_text_bytes,
    "vision": lambda row: row.weights_vision_bytes,
    "connector": lambda row: row.weights_connector_bytes,
}
"""The bytes of each part's weights."""
MOST_DRIFTED = 60
"""Most cells in the table that compares answers with those of the base cell."""


@dataclass(frozen=True)
class DifferenceTable:
    """A section's cells compared with the section's first cell of the same data set."""

    caption: str
    table: Table | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DriftTable:
    """The answers of all cells compared with those of the base cell."""

    text: str
    table: Table


def build_difference_table(
    section: SectionRows, differences: Differences
) -> DifferenceTable | None:
    """Return how a section's cells differ from the section's first cell of the same data set.

    None where there is nothing to compare: a section with a single cell per data set.
    """
    pairs = [(place, section.get_first(place)) for place in section.places]
    others = [(place, first) for place, first in pairs if place is not first]
    if not others:
        return None
    rows = [
        (place, differences.get(DifferenceKey(*place.key, first.row.cell)))
        for place, first in others
    ]
    compared = [(place, row) for place, row in rows if row and _has_figures(row)]
    bases = join_words(list(dict.fromkeys(_format_setting(first) for _, first in others)))
    key = "difference.caption_by_dataset" if section.by_dataset else "difference.caption"
    return DifferenceTable(
        caption=say(key, bases=bases),
        table=_tabulate(section, compared) if compared else None,
        notes=(*_note_chance(section, compared), *_note_missing_bases(section, others)),
    )


def build_drift_table(
    outline: Outline, summary: Sequence[SummaryRow], differences: Differences
) -> DriftTable | None:
    """Return whether settings change the answers, compared with the base cell's answers.

    None where nothing was compared: no base cell, or no answers.
    """
    bases = outline.base_cells
    rows = []
    for row in summary:
        key = DifferenceKey(row.dataset, row.cell, bases.get(row.dataset, ""))
        difference = differences.get(key)
        if difference is not None and difference.wer_difference is not None:
            rows.append((row, difference))
    if not rows:
        return None
    base = outline.base
    labels = outline.labels.datasets
    alike = [
        difference for row, difference in rows if _HARMLESS.issuperset(list_changed_axes(row, base))
    ]
    changed = sum(bool(difference.changed_predictions) for difference in alike)
    differ = sum(bool(difference.wer_differs) for difference in alike)
    without = [label for name, label in labels.items() if name not in bases]
    text = [say("drift.text", changed=changed, cells=len(alike), differ=differ)]
    if without:
        text.append(say("drift.without_base", datasets=join_words(without)))
    shown = _select_most_changed(rows)
    if len(shown) < len(rows):
        text.append(say("drift.shown", count=len(rows), shown=len(shown)))
    return DriftTable(" ".join(text), _tabulate_drift(shown, base, labels))


def _select_most_changed(rows: Sequence[Compared]) -> list[Compared]:
    """Return up to `MOST_DRIFTED` rows whose answers changed most, in their order."""
    places = sorted(range(len(rows)), key=lambda place: -(rows[place][1].changed_predictions or 0))
    return [rows[place] for place in sorted(places[:MOST_DRIFTED])]


def _tabulate_drift(rows: Sequence[Compared], base: Axes, labels: Mapping[str, str]) -> Table:
    columns = [
        TextColumn(
            say("table.cell"), [format_axes(row, list_changed_axes(row, base)) for row, _ in rows]
        ),
        TextColumn(say("table.dataset"), [labels[row.dataset] for row, _ in rows]),
        TextColumn(
            say("table.wer"),
            [_format_plain(difference, "wer") for _, difference in rows],
            numeric=True,
        ),
        TextColumn(
            choose_task_heading(row for row, _ in rows),
            [_format_plain(difference, "task") for _, difference in rows],
            numeric=True,
        ),
        TextColumn(
            say("table.answers_changed"),
            [_format_changed(difference) for _, difference in rows],
            numeric=True,
        ),
    ]
    return build_table(drop_empty_columns(columns))


def _tabulate(section: SectionRows, compared: Sequence[tuple[Place, DifferenceRow]]) -> Table:
    places = [place for place, _ in compared]
    rows = [row for _, row in compared]
    figures = [
        TextColumn(
            say("table.latency"),
            [_format_share(row, "latency") for row in rows],
            numeric=True,
        ),
        TextColumn(
            say("table.energy"), [_format_share(row, "energy") for row in rows], numeric=True
        ),
        TextColumn(say("table.wer"), [_format_plain(row, "wer") for row in rows], numeric=True),
        TextColumn(
            choose_task_heading(place.row for place in places),
            [_format_plain(row, "task") for row in rows],
            numeric=True,
        ),
        TextColumn(
            say("table.answers_changed"), [_format_changed(row) for row in rows], numeric=True
        ),
        *_list_weights(section, places),
        TextColumn(say("table.notes"), [_format_marks(section, place) for place in places]),
    ]
    return build_table([*section.make_lead(places), *drop_empty_columns(figures)])


def _format_marks(section: SectionRows, place: Place) -> str:
    marks = [section.format_marks(place)]
    if section.get_first(place).row.disturbed:
        marks.append(say("note.against_disturbed"))
    return "; ".join(filter(None, marks))


def _list_weights(section: SectionRows, places: Sequence[Place]) -> list[TextColumn]:
    """Return the bytes of each part beside those of the first cell, where a cell is quantised."""
    if not any(row.quantized_layers for row in section.rows):
        return []
    sizes = {
        part: [(read(place.row), read(section.get_first(place).row)) for place in places]
        for part, read in _PARTS.items()
    }
    scale = Scale.of([size for pairs in sizes.values() for size, _ in pairs], "B")
    return [
        TextColumn(
            f"{say(f'difference.weights_{part}')} ({scale.unit})",
            [_format_weights(scale, *pair) for pair in pairs],
            numeric=True,
        )
        for part, pairs in sizes.items()
    ]


def _format_weights(scale: Scale, size: int | None, plain: int | None) -> str:
    if not size or not plain or size == plain:
        return scale.format(size)
    return f"{scale.format(size)} ({format_signed_percent(size / plain - 1)})"


def _has_figures(row: DifferenceRow) -> bool:
    return row.latency_difference_s is not None or row.wer_difference is not None


def _format_share(row: DifferenceRow, figure: Figure) -> str:
    """Return the difference of a cost as a share of the base's; a dash where there is none."""
    compared = get_difference(row, figure)
    if compared is None or not compared.base:
        return DASH
    return format_difference(compared.difference.as_share_of(compared.base), format_signed_percent)


def _format_plain(row: DifferenceRow, figure: Figure) -> str:
    """Return the difference of a figure of quality; a dash where there is none."""
    compared = get_difference(row, figure)
    return DASH if compared is None else format_difference(compared.difference, format_signed)


def _format_changed(row: DifferenceRow) -> str:
    if row.shared_predictions is None:
        return DASH
    return say("difference.changed", changed=row.changed_predictions, shared=row.shared_predictions)


def _format_setting(place: Place) -> str:
    return format_values(place.values)


def _note_chance(
    section: SectionRows, compared: Sequence[tuple[Place, DifferenceRow]]
) -> tuple[str, ...]:
    """Name the cells whose cost seems to differ from that of an identical computation."""
    shared = {
        (key, other) for group in section.groups for key in group.cells for other in group.cells
    }
    odd = [
        f"{place.label}{f' ({place.dataset})' if section.by_dataset else ''}"
        for place, row in compared
        if (place.key, CellKey(row.dataset, row.base)) in shared
        and (row.latency_differs or row.energy_differs)
    ]
    if not odd:
        return ()
    return (say("difference.against_chance", cells=join_words(odd)),)


def _note_missing_bases(
    section: SectionRows, others: Sequence[tuple[Place, Place]]
) -> tuple[str, ...]:
    """Say where cells cannot be compared because the first cell has no figures."""
    lost = {first.key: first for _, first in others if first.row.latency is None}
    return tuple(
        say(
            "difference.without_base_of" if section.by_dataset else "difference.without_base",
            dataset=first.dataset,
            base=_format_setting(first),
            status=get_status_label(first.row.status),
        )
        for first in lost.values()
    )
