"""Cells against each other: what is a difference, and what is chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.reporting.formats import (
    DASH,
    listed,
    signed,
    signed_percent,
    status_label,
)
from vlmeter.reporting.frames import Differences, Row
from vlmeter.reporting.language import say
from vlmeter.reporting.profiles import listed_axes
from vlmeter.reporting.section_rows import Place, SectionRows
from vlmeter.reporting.section_table import task_heading
from vlmeter.reporting.table import Table, TextColumn, filled, table_of

Plain = Mapping[str, Any]
_HARMLESS = {"batch_size", "optimization"}
"""Axes that are not supposed to change an answer."""
MOST_DRIFTED = 60
"""Cells whose answers are held against the base's one by one."""


@dataclass(frozen=True)
class DifferenceTable:
    """A section's cells against its first one of the same data set."""

    caption: str
    table: Table | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DriftTable:
    """The answers of all cells against those of the cell with the base's values."""

    text: str
    table: Table


def difference_table(section: SectionRows, differences: Differences) -> DifferenceTable | None:
    """Return how a section's cells differ from its first one of the same data set.

    None where there is nothing to compare: a section of one cell per data set.
    """
    pairs = [(place, section.first_of(place)) for place in section.places]
    others = [(place, first) for place, first in pairs if place is not first]
    if not others:
        return None
    found = [(place, differences.get((*place.key, first.row["cell"]))) for place, first in others]
    told = [(place, row) for place, row in found if row and _says_something(row)]
    bases = listed(list(dict.fromkeys(_setting(first) for _, first in others)))
    key = "difference.caption_by_dataset" if section.by_dataset else "difference.caption"
    return DifferenceTable(
        caption=say(key, bases=bases),
        table=_table(section, told) if told else None,
        notes=(*_against_chance(section, told), *_without_base(section, others)),
    )


def drift_table(
    outline: Plain, summary: Sequence[Row], differences: Differences
) -> DriftTable | None:
    """Return whether settings change the answers, against the cell with the base's values.

    None where no such comparison was made: no base cell, or no answers.
    """
    bases = outline.get("base_cells") or {}
    rows = [
        (row, found)
        for row in summary
        for found in [differences.get((row["dataset"], row["cell"], bases.get(row["dataset"], "")))]
        if found is not None and found["wer_difference"] is not None
    ]
    if not rows:
        return None
    base = outline["base"]
    labels = {name: block["label"] for name, block in outline["datasets"].items()}
    alike = [found for row, found in rows if _HARMLESS.issuperset(_changed_axes(row, base))]
    changed = sum(bool(found["changed_predictions"]) for found in alike)
    differ = sum(bool(found["wer_differs"]) for found in alike)
    without = [label for name, label in labels.items() if name not in bases]
    text = [say("drift.text", changed=changed, cells=len(alike), differ=differ)]
    if without:
        text.append(say("drift.without_base", datasets=listed(without)))
    shown = _most_changed(rows)
    if len(shown) < len(rows):
        text.append(say("drift.shown", count=len(rows), shown=len(shown)))
    return DriftTable(" ".join(text), _drifted(shown, base, labels))


def _most_changed(rows: Sequence[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
    """Return the rows whose answers changed most, as many as can be read, in their order."""
    places = sorted(
        range(len(rows)), key=lambda place: -(rows[place][1]["changed_predictions"] or 0)
    )
    return [rows[place] for place in sorted(places[:MOST_DRIFTED])]


def _drifted(rows: Sequence[tuple[Row, Row]], base: Plain, labels: Mapping[str, str]) -> Table:
    columns = [
        TextColumn(
            say("table.cell"), [listed_axes(row, _changed_axes(row, base)) for row, _ in rows]
        ),
        TextColumn(say("table.dataset"), [labels[row["dataset"]] for row, _ in rows]),
        TextColumn(say("table.wer"), [_words(found, "wer") for _, found in rows], numeric=True),
        TextColumn(
            task_heading(row for row, _ in rows),
            [_words(found, "task") for _, found in rows],
            numeric=True,
        ),
        TextColumn(
            say("table.answers_changed"), [_changed(found) for _, found in rows], numeric=True
        ),
    ]
    return table_of(filled(columns))


def difference_words(row: Row, name: str, suffix: str, write: Callable[[float], str]) -> str:
    """Return a difference with its interval, or that there is none."""
    estimate, low, high = (
        row[f"{name}_difference{part}{suffix}"] for part in ("", "_low", "_high")
    )
    if estimate is None:
        return DASH
    if low is None or high is None:
        return say("difference.no_interval", value=write(estimate))
    head = write(estimate) if row[f"{name}_differs"] else say("difference.none")
    return head if low == high == 0 else f"{head} [{write(low)}, {write(high)}]"


def _table(section: SectionRows, told: Sequence[tuple[Place, Row]]) -> Table:
    places = [place for place, _ in told]
    found = [row for _, row in told]
    figures = [
        TextColumn(
            say("table.latency"), [_share(row, "latency", "_s") for row in found], numeric=True
        ),
        TextColumn(
            say("table.energy"), [_share(row, "energy", "_j") for row in found], numeric=True
        ),
        TextColumn(say("table.wer"), [_words(row, "wer") for row in found], numeric=True),
        TextColumn(
            task_heading(place.row for place in places),
            [_words(row, "task") for row in found],
            numeric=True,
        ),
        TextColumn(say("table.answers_changed"), [_changed(row) for row in found], numeric=True),
        TextColumn(say("table.notes"), [section.mark(place) for place in places]),
    ]
    return table_of([*section.lead(places), *filled(figures)])


def _says_something(row: Row) -> bool:
    return any(row[column] is not None for column in ("latency_difference_s", "wer_difference"))


def _share(row: Row, name: str, suffix: str) -> str:
    base = row[f"{name}_base{suffix}"]

    def write(value: float) -> str:
        return signed_percent(value / base)

    return difference_words(row, name, suffix, write) if base else DASH


def _words(row: Row, name: str) -> str:
    return difference_words(row, name, "", signed)


def _changed(row: Row) -> str:
    if row["shared_predictions"] is None:
        return DASH
    return say(
        "difference.changed", changed=row["changed_predictions"], shared=row["shared_predictions"]
    )


def _changed_axes(row: Row, base: Plain) -> list[str]:
    return [axis for axis in base if row[axis] != base[axis]]


def _setting(place: Place) -> str:
    return listed_axes(place.values, list(place.values))


def _against_chance(section: SectionRows, told: Sequence[tuple[Place, Row]]) -> tuple[str, ...]:
    """Name the cells that seem to cost more or less than the very same computation."""
    shared = {
        (key, other) for group in section.groups for key in group.cells for other in group.cells
    }
    odd = [
        f"{place.label}{f' ({place.dataset})' if section.by_dataset else ''}"
        for place, row in told
        if (place.key, (row["dataset"], row["base"])) in shared
        and (row["latency_differs"] or row["energy_differs"])
    ]
    if not odd:
        return ()
    return (say("difference.against_chance", cells=listed(odd)),)


def _without_base(section: SectionRows, others: Sequence[tuple[Place, Place]]) -> tuple[str, ...]:
    """Say which cells cannot be compared because what they are compared with has no figures."""
    lost = {first.key: first for _, first in others if first.row["latency"] is None}
    return tuple(
        say(
            "difference.without_base_of" if section.by_dataset else "difference.without_base",
            dataset=first.dataset,
            base=_setting(first),
            status=status_label(first.row["status"]),
        )
        for first in lost.values()
    )
