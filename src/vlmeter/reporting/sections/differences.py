"""Tabulates the differences between cells, and marks those within the noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.axes import AXES
from vlmeter.reporting.formats import format_difference, listed, status_label
from vlmeter.reporting.language import say
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.sections.table import choose_task_heading
from vlmeter.reporting.settings import listed_axes
from vlmeter.reporting.table import Table, TextColumn, drop_empty_columns, table_of
from vlmeter.results.numbers import DASH, signed, signed_percent
from vlmeter.results.tables import Differences, Row

Plain = Mapping[str, Any]
_HARMLESS = {axis.name for axis in AXES if not axis.may_change_answers}
"""Axes that should not change an answer."""
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


def difference_table(section: SectionRows, differences: Differences) -> DifferenceTable | None:
    """Return how a section's cells differ from the section's first cell of the same data set.

    None where there is nothing to compare: a section with a single cell per data set.
    """
    pairs = [(place, section.first_of(place)) for place in section.places]
    others = [(place, first) for place, first in pairs if place is not first]
    if not others:
        return None
    rows = [(place, differences.get((*place.key, first.row["cell"]))) for place, first in others]
    compared = [(place, row) for place, row in rows if row and _has_figures(row)]
    bases = listed(list(dict.fromkeys(_format_setting(first) for _, first in others)))
    key = "difference.caption_by_dataset" if section.by_dataset else "difference.caption"
    return DifferenceTable(
        caption=say(key, bases=bases),
        table=_tabulate(section, compared) if compared else None,
        notes=(*_note_chance(section, compared), *_note_missing_bases(section, others)),
    )


def build_drift_table(
    outline: Plain, summary: Sequence[Row], differences: Differences
) -> DriftTable | None:
    """Return whether settings change the answers, compared with the base cell's answers.

    None where nothing was compared: no base cell, or no answers.
    """
    bases = outline.get("base_cells") or {}
    rows = [
        (row, difference)
        for row in summary
        for difference in [
            differences.get((row["dataset"], row["cell"], bases.get(row["dataset"], "")))
        ]
        if difference is not None and difference["wer_difference"] is not None
    ]
    if not rows:
        return None
    base = outline["base"]
    labels = {name: block["label"] for name, block in outline["datasets"].items()}
    alike = [
        difference
        for row, difference in rows
        if _HARMLESS.issuperset(_list_changed_axes(row, base))
    ]
    changed = sum(bool(difference["changed_predictions"]) for difference in alike)
    differ = sum(bool(difference["wer_differs"]) for difference in alike)
    without = [label for name, label in labels.items() if name not in bases]
    text = [say("drift.text", changed=changed, cells=len(alike), differ=differ)]
    if without:
        text.append(say("drift.without_base", datasets=listed(without)))
    shown = _select_most_changed(rows)
    if len(shown) < len(rows):
        text.append(say("drift.shown", count=len(rows), shown=len(shown)))
    return DriftTable(" ".join(text), _tabulate_drift(shown, base, labels))


def _select_most_changed(rows: Sequence[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """Return up to `MOST_DRIFTED` rows whose answers changed most, in their order."""
    places = sorted(
        range(len(rows)), key=lambda place: -(rows[place][1]["changed_predictions"] or 0)
    )
    return [rows[place] for place in sorted(places[:MOST_DRIFTED])]


def _tabulate_drift(
    rows: Sequence[tuple[Row, Row]], base: Plain, labels: Mapping[str, str]
) -> Table:
    columns = [
        TextColumn(
            say("table.cell"), [listed_axes(row, _list_changed_axes(row, base)) for row, _ in rows]
        ),
        TextColumn(say("table.dataset"), [labels[row["dataset"]] for row, _ in rows]),
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
    return table_of(drop_empty_columns(columns))


def format_row_difference(
    row: Row, name: str, suffix: str, format_value: Callable[[float], str]
) -> str:
    """Return the difference of a figure with its interval; a dash where it was not compared."""
    estimate, low, high = (
        row[f"{name}_difference{part}{suffix}"] for part in ("", "_low", "_high")
    )
    if estimate is None:
        return DASH
    return format_difference(estimate, low, high, row[f"{name}_differs"], format_value)


def _tabulate(section: SectionRows, compared: Sequence[tuple[Place, Row]]) -> Table:
    places = [place for place, _ in compared]
    rows = [row for _, row in compared]
    figures = [
        TextColumn(
            say("table.latency"),
            [_format_share(row, "latency", "_s") for row in rows],
            numeric=True,
        ),
        TextColumn(
            say("table.energy"), [_format_share(row, "energy", "_j") for row in rows], numeric=True
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
        TextColumn(say("table.notes"), [section.mark(place) for place in places]),
    ]
    return table_of([*section.lead(places), *drop_empty_columns(figures)])


def _has_figures(row: Row) -> bool:
    return any(row[column] is not None for column in ("latency_difference_s", "wer_difference"))


def _format_share(row: Row, name: str, suffix: str) -> str:
    base = row[f"{name}_base{suffix}"]

    def format_share(value: float) -> str:
        return signed_percent(value / base)

    return format_row_difference(row, name, suffix, format_share) if base else DASH


def _format_plain(row: Row, name: str) -> str:
    return format_row_difference(row, name, "", signed)


def _format_changed(row: Row) -> str:
    if row["shared_predictions"] is None:
        return DASH
    return say(
        "difference.changed", changed=row["changed_predictions"], shared=row["shared_predictions"]
    )


def _list_changed_axes(row: Row, base: Plain) -> list[str]:
    return [axis for axis in base if row[axis] != base[axis]]


def _format_setting(place: Place) -> str:
    return listed_axes(place.values, list(place.values))


def _note_chance(section: SectionRows, compared: Sequence[tuple[Place, Row]]) -> tuple[str, ...]:
    """Name the cells whose cost seems to differ from that of an identical computation."""
    shared = {
        (key, other) for group in section.groups for key in group.cells for other in group.cells
    }
    odd = [
        f"{place.label}{f' ({place.dataset})' if section.by_dataset else ''}"
        for place, row in compared
        if (place.key, (row["dataset"], row["base"])) in shared
        and (row["latency_differs"] or row["energy_differs"])
    ]
    if not odd:
        return ()
    return (say("difference.against_chance", cells=listed(odd)),)


def _note_missing_bases(
    section: SectionRows, others: Sequence[tuple[Place, Place]]
) -> tuple[str, ...]:
    """Say where cells cannot be compared because the first cell has no figures."""
    lost = {first.key: first for _, first in others if first.row["latency"] is None}
    return tuple(
        say(
            "difference.without_base_of" if section.by_dataset else "difference.without_base",
            dataset=first.dataset,
            base=_format_setting(first),
            status=status_label(first.row["status"]),
        )
        for first in lost.values()
    )
