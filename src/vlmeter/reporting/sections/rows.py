"""Collects a section's cells with their rows, for all tables of the section."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vlmeter.reporting.formats import get_value_label
from vlmeter.reporting.language import say
from vlmeter.reporting.table import TextColumn
from vlmeter.results.outline import SectionGrid
from vlmeter.results.repeatability import group_same_computations
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey


@dataclass(frozen=True)
class Group:
    """Cells whose computation is the same for the model and the device, at least in its cost."""

    mark: str
    """A letter, distinct within a table."""
    words: str
    cells: tuple[CellKey, ...]
    latency_spread: float | None
    """Largest over smallest latency, less 1: the effect of noise alone."""


def mark_groups(rows: Iterable[SummaryRow]) -> list[Group]:
    """Return the groups of two or more cells that run the same computation, with their marks."""
    return [
        Group(
            mark=_make_mark(index),
            words=_describe_group(group),
            cells=tuple(CellKey(row.dataset, row.cell) for row in group),
            latency_spread=_compute_spread([row.latency for row in group]),
        )
        for index, group in enumerate(group_same_computations(rows))
    ]


def _describe_group(rows: Sequence[SummaryRow]) -> str:
    """Say what is identical: equal digests mean equal shapes, equal contents equal pixels too."""
    contents = {row.content_digest for row in rows}
    if len(contents) == 1 and None not in contents:
        return say("identical.input")
    if len({row.image_size for row in rows}) > 1:
        return say("identical.resized")
    return say("identical.shapes")


def _compute_spread(values: Sequence[float | None]) -> float | None:
    measured = [value for value in values if value]
    return max(measured) / min(measured) - 1 if len(measured) > 1 else None


def _make_mark(index: int) -> str:
    letter = chr(ord("A") + index % 26)
    return letter if index < 26 else f"{letter}{index // 26}"


@dataclass(frozen=True)
class Place:
    """A cell of a section."""

    label: str
    """The varied values."""
    values: dict[str, str | int]
    dataset: str
    """The data set's label."""
    row: SummaryRow
    """Its row of `summary.csv`."""

    @property
    def key(self) -> CellKey:
        """What identifies the cell."""
        return CellKey(self.row.dataset, self.row.cell)


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
    def rows(self) -> list[SummaryRow]:
        """The rows of `summary.csv`."""
        return [place.row for place in self.places]

    def make_lead(self, places: Sequence[Place] | None = None) -> list[TextColumn]:
        """Return the leading columns, which identify each row's cell."""
        shown = self.places if places is None else places
        columns = [
            TextColumn(
                say(f"axis_heading.{axis}"),
                [get_value_label(axis, place.values[axis]) for place in shown],
            )
            for axis in self.varied
        ]
        if self.by_dataset:
            columns.append(TextColumn(say("table.dataset"), [place.dataset for place in shown]))
        return columns

    def get_first(self, place: Place) -> Place:
        """Return the section's first cell of the same data set, with which others are compared."""
        return next(other for other in self.places if other.row.dataset == place.row.dataset)

    def format_marks(self, place: Place) -> str:
        """Return `= A` for a cell that runs the same computation as others, and `disturbed`."""
        marks = [f"= {group.mark}" for group in self.groups if place.key in group.cells]
        if place.row.disturbed:
            marks.append(say("note.disturbed"))
        return "; ".join(marks)


def collect_section_rows(
    section: SectionGrid, labels: Mapping[str, str], summary: Mapping[CellKey, SummaryRow]
) -> SectionRows:
    """Return a section's cells with their rows.

    Args:
        section: The section's outline.
        labels: The data sets' labels.
        summary: The rows of `summary.csv`; cells without one are left out.
    """
    varied = tuple(section.varied)
    places = tuple(
        Place(
            label=" · ".join(get_value_label(axis, entry.values[axis]) for axis in varied),
            values=entry.values,
            dataset=labels[entry.dataset],
            row=summary[entry.key],
        )
        for entry in section.cells
        if entry.key in summary
    )
    return SectionRows(
        varied=varied,
        by_dataset=len(section.datasets) > 1,
        places=places,
        groups=tuple(mark_groups(place.row for place in places)),
    )
