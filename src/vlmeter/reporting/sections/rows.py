"""Collects a section's cells with their rows, for all tables of the section."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.reporting.formats import value_label
from vlmeter.reporting.language import say
from vlmeter.reporting.table import TextColumn
from vlmeter.results.repeatability import SAME_COMPUTATION
from vlmeter.results.tables import Row
from vlmeter.status import Status

_SAME = ("shape_digest", *SAME_COMPUTATION)


@dataclass(frozen=True)
class Group:
    """Cells whose computation is the same for the model and the device, at least in its cost."""

    mark: str
    """A letter, distinct within a table."""
    words: str
    cells: tuple[tuple[str, str], ...]
    """Data set and id of each."""
    latency_spread: float | None
    """Largest over smallest latency, less 1: the effect of noise alone."""


def identical_groups(rows: Iterable[Row]) -> list[Group]:
    """Return the groups of two or more cells that run the same computation.

    The digests are those of the cost batches. Equal `shape_digest` means equal token ids, masks
    and shapes; equal `content_digest` means equal pixels too.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if row["status"] == Status.OK and row["shape_digest"]:
            groups.setdefault(tuple(row[key] for key in _SAME), []).append(row)
    distinct = [_distinct(group) for group in groups.values()]
    return [
        Group(
            mark=_letter(index),
            words=_words(group),
            cells=tuple((row["dataset"], row["cell"]) for row in group),
            latency_spread=_spread([row["latency"] for row in group]),
        )
        for index, group in enumerate(group for group in distinct if len(group) > 1)
    ]


def _distinct(rows: Sequence[Row]) -> list[Row]:
    return list({(row["dataset"], row["cell"]): row for row in rows}.values())


def _words(rows: Sequence[Row]) -> str:
    contents = {row["content_digest"] for row in rows}
    if len(contents) == 1 and None not in contents:
        return say("identical.input")
    if len({row["image_size"] for row in rows}) > 1:
        return say("identical.resized")
    return say("identical.shapes")


def _spread(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value]
    return max(given) / min(given) - 1 if len(given) > 1 else None


def _letter(index: int) -> str:
    letter = chr(ord("A") + index % 26)
    return letter if index < 26 else f"{letter}{index // 26}"


Plain = Mapping[str, Any]
Key = tuple[str, str]
"""Data set and cell."""


@dataclass(frozen=True)
class Place:
    """A cell of a section."""

    label: str
    """The varied values."""
    values: Plain
    dataset: str
    """The data set's label."""
    row: Row
    """Its row of `summary.csv`."""

    @property
    def key(self) -> Key:
        """The cell's data set and id."""
        return self.row["dataset"], self.row["cell"]


@dataclass(frozen=True)
class SectionRows:
    """A section's cells that have a record, in the section's order."""

    varied: tuple[str, ...]
    by_dataset: bool
    """Whether the section has several data sets."""
    places: tuple[Place, ...]
    groups: tuple[Group, ...]
    """Groups of cells that run the same computation."""

    @property
    def rows(self) -> list[Row]:
        """The rows of `summary.csv`."""
        return [place.row for place in self.places]

    def lead(self, places: Sequence[Place] | None = None) -> list[TextColumn]:
        """Return the leading columns, which identify each row's cell."""
        shown = self.places if places is None else places
        columns = [
            TextColumn(
                say(f"axis_heading.{axis}"),
                [value_label(axis, place.values[axis]) for place in shown],
            )
            for axis in self.varied
        ]
        if self.by_dataset:
            columns.append(TextColumn(say("table.dataset"), [place.dataset for place in shown]))
        return columns

    def first_of(self, place: Place) -> Place:
        """Return the section's first cell of the same data set, with which others are compared."""
        return next(other for other in self.places if other.row["dataset"] == place.row["dataset"])

    def mark(self, place: Place) -> str:
        """Return `= A` for a cell that runs the same computation as others."""
        marks = [f"= {group.mark}" for group in self.groups if place.key in group.cells]
        return "; ".join(marks)


def section_rows(section: Plain, datasets: Plain, summary: Mapping[Key, Row]) -> SectionRows:
    """Return a section's cells with their rows.

    Args:
        section: The section's outline.
        datasets: The data sets' outline.
        summary: The rows of `summary.csv`; cells without one are left out.
    """
    varied = tuple(section["varied"])
    places = tuple(
        Place(
            label=" · ".join(value_label(axis, entry["values"][axis]) for axis in varied),
            values=entry["values"],
            dataset=datasets[entry["dataset"]]["label"],
            row=summary[entry["dataset"], entry["cell"]],
        )
        for entry in section["cells"]
        if (entry["dataset"], entry["cell"]) in summary
    )
    return SectionRows(
        varied=varied,
        by_dataset=len(section["datasets"]) > 1,
        places=places,
        groups=tuple(identical_groups(place.row for place in places)),
    )
