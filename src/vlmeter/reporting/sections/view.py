"""What the report says in one of its sections, as plain values."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from vlmeter.reporting.formats import get_value_label, join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.published import Published
from vlmeter.reporting.sections.cell_view import CellView, build_cell_view
from vlmeter.reporting.sections.costs import CostTables, build_cost_tables
from vlmeter.reporting.sections.differences import DifferenceTable, build_difference_table
from vlmeter.reporting.sections.published import ComparedSection, compare_section
from vlmeter.reporting.sections.quality import build_quality_table
from vlmeter.reporting.sections.rows import collect_section_rows
from vlmeter.reporting.sections.selection import (
    describe_left_out,
    share_settings,
    shorten_section,
)
from vlmeter.reporting.sections.table import SectionTable, build_section_table
from vlmeter.reporting.table import Table
from vlmeter.results.outline import Outline, SectionGrid, SectionOutline
from vlmeter.results.tables import Differences, Summary


@dataclass(frozen=True)
class ValueView:
    """All cells of a value of a section's axis."""

    heading: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True)
class SectionView:
    """A numbered section."""

    name: str
    number: int
    title: str
    setting: str
    """The data sets and what the section fixes, in words."""
    note: str | None
    left_out: str | None
    """A sentence on which of many settings are shown; None where all are."""
    by_dataset: bool
    """Whether the cells need their data set's name."""
    values: tuple[ValueView, ...]
    figures: SectionTable
    differences: DifferenceTable | None
    quality: Table | None
    """Every metric, whereas `figures` holds the task's metric alone."""
    costs: CostTables | None
    published: ComparedSection | None


def build_sections(
    outline: Outline, summary: Summary, differences: Differences, published: Published | None
) -> Iterator[SectionView]:
    """Yield the sections of a study, in its order.

    Args:
        outline: The study's outline.
        summary: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        published: Published values, where the study names any.
    """
    labels = outline.labels.datasets
    most = share_settings(len(outline.sections))
    for place, section in enumerate(outline.sections, start=1):
        shown = shorten_section(section, summary, most)
        rows = collect_section_rows(shown, labels, summary)
        yield SectionView(
            name=section.name,
            number=place,
            title=_format_title(section),
            setting=_format_setting(section, labels),
            note=section.note,
            left_out=describe_left_out(section, shown),
            by_dataset=len(section.datasets) > 1,
            values=tuple(_build_values(shown, labels, summary)),
            figures=build_section_table(rows),
            differences=build_difference_table(rows, differences),
            quality=build_quality_table(rows),
            costs=build_cost_tables(rows),
            published=(
                None if published is None else compare_section(published, section.name, rows)
            ),
        )


def _format_title(section: SectionOutline) -> str:
    """Return a section's title; a title that is just the axis' name is followed by the values."""
    title = section.title
    if list(section.varied) == [title]:
        values = [get_value_label(title, value) for value in section.varied[title]]
        return f"{title}: {', '.join(values)}"
    return title


def _format_setting(section: SectionOutline, labels: dict[str, str]) -> str:
    datasets = [labels[name] for name in section.datasets]
    fixed = [f"{axis} {get_value_label(axis, value)}" for axis, value in section.fixed.items()]
    return say(
        "section.setting_fixed" if fixed else "section.setting",
        count=len(datasets),
        datasets=join_words(datasets),
        fixed=join_words(fixed),
    )


def _build_values(
    section: SectionGrid, labels: dict[str, str], summary: Summary
) -> Iterator[ValueView]:
    for values, entries in groupby(section.cells, key=lambda entry: entry.values):
        yield ValueView(
            heading=" · ".join(get_value_label(axis, value) for axis, value in values.items()),
            cells=tuple(
                build_cell_view(summary.get(entry.key), labels[entry.dataset]) for entry in entries
            ),
        )
