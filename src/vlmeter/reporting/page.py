"""Builds the content of the report as plain values; the templates only lay it out."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from vlmeter.data.manifests import SamplesManifest
from vlmeter.reporting.first_screen import build_first_screen
from vlmeter.reporting.formats import format_json_block, get_value_label, join_words
from vlmeter.reporting.gallery import ShownDataset, read_shown_answers
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.layers.profiles import Profile
from vlmeter.reporting.layers.view import LayersView, build_layers_view
from vlmeter.reporting.missing import AllMissing, list_missing
from vlmeter.reporting.provenance import (
    DatasetSource,
    ModelSource,
    Origin,
    describe_datasets,
    describe_models,
    describe_origin,
)
from vlmeter.reporting.published import Published
from vlmeter.reporting.remarks import Remark
from vlmeter.reporting.sections.costs import CostTables, build_cost_tables
from vlmeter.reporting.sections.differences import (
    DifferenceTable,
    DriftTable,
    build_difference_table,
    build_drift_table,
)
from vlmeter.reporting.sections.published import (
    ComparedSection,
    Reproduction,
    compare_section,
    reproduce_counts,
)
from vlmeter.reporting.sections.quality import build_quality_table
from vlmeter.reporting.sections.rows import collect_section_rows
from vlmeter.reporting.sections.selection import describe_left_out, shorten_section
from vlmeter.reporting.sections.table import (
    SectionTable,
    build_section_table,
    get_wer_or_reason,
    list_prompts,
)
from vlmeter.reporting.table import Table
from vlmeter.reporting.verdict import FirstScreen
from vlmeter.results.outline import Outline, PlacedCell, SectionGrid, SectionOutline
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences, Summary
from vlmeter.status import Status

Labels = Mapping[str, str]
"""Labels of data sets by name."""


@dataclass(frozen=True)
class CellView:
    """A cell as the report shows it."""

    dataset: str
    """The data set's label."""
    status: str
    json: str | None
    """The four main figures as JSON, or None where nothing was measured."""
    reason: str | None
    """Why the cell has no figures, or not all of them."""


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


@dataclass(frozen=True)
class Lost:
    """A cell whose status is not ok."""

    dataset: str
    cell: str
    status: str
    reason: str


@dataclass(frozen=True)
class Page:
    """The whole report."""

    study: str
    title: str
    remarks: tuple[Remark, ...]
    """What a reader must know before reading the first figure."""
    first: FirstScreen
    """Which setting to deploy."""
    missing: AllMissing
    speed: tuple[tuple[str, str], ...]
    quality: tuple[tuple[str, str], ...]
    datasets: tuple[DatasetSource, ...]
    models: tuple[ModelSource, ...]
    sections: tuple[SectionView, ...]
    layers: LayersView | None
    published: Reproduction | None
    drift: DriftTable | None
    answers: tuple[ShownDataset, ...]
    """Samples with the answers of some cells."""
    origin: Origin
    statuses: tuple[tuple[str, int], ...]
    """Number of cells by status; ok first."""
    lost: tuple[Lost, ...]
    bad_samples: tuple[tuple[str, str], ...]
    """Data set, and the samples that could not be scored, with reasons."""
    quality_definitions: tuple[tuple[str, str], ...]
    prompts: tuple[tuple[str, str], ...]
    """Data set with prompt name, and the template."""
    decodings: tuple[tuple[str, str], ...]
    rounds: int
    """Rounds of a measured window."""
    window_s: float
    """Least seconds of timed forward passes."""

    @property
    def cells(self) -> int:
        """Number of distinct cells."""
        return sum(count for _, count in self.statuses)

    @property
    def measured(self) -> int:
        """Number of cells with status ok."""
        return dict(self.statuses).get(Status.OK, 0)


@dataclass(frozen=True)
class StudyResults:
    """The results of a study that the report needs beside the outline."""

    summary: Summary
    """The rows of `summary.csv`."""
    differences: Differences
    """The rows of `differences.csv`."""
    repeats: Repeats
    """How well costs repeat."""
    profiles: Sequence[Profile]
    """The layer profiles."""
    manifests: Mapping[str, SamplesManifest]
    """`samples.json` by data set."""
    published: Published | None
    """Published figures, where the study names any."""
    answers: Path | None
    """`answers.json`, where answers were collected."""
    remarks: tuple[Remark, ...]
    """What a reader must know before reading the first figure."""


def build_page(outline: Outline, results: StudyResults) -> Page:
    """Build the report on a study."""
    base, labels = outline.base, outline.labels.datasets
    rows = list(results.summary.values())
    published = results.published
    return Page(
        study=outline.study,
        title=outline.title,
        remarks=results.remarks,
        first=build_first_screen(outline, results.summary, results.differences, results.repeats),
        missing=list_missing(outline, rows),
        speed=(
            ("device", base.device),
            ("optimization", f"{base.dtype}, {base.optimization}"),
        ),
        quality=(
            ("img_size", str(base.image_size)),
            ("batch_size", str(base.batch_size)),
            ("max_input_len", str(base.max_input_len)),
        ),
        datasets=tuple(describe_datasets(outline.datasets, rows, results.manifests)),
        models=tuple(describe_models(outline.models, rows)),
        sections=tuple(_build_sections(outline, results)),
        layers=build_layers_view(outline, results.profiles),
        published=None if published is None else reproduce_counts(published, base, rows),
        answers=tuple(read_shown_answers(results.answers, outline, results.summary)),
        drift=build_drift_table(outline, rows, results.differences),
        origin=describe_origin(rows, labels),
        statuses=_count_statuses(rows),
        lost=tuple(_list_lost(rows, labels)),
        bad_samples=_list_distinct(rows, labels, lambda row: row.bad_sample_reasons),
        quality_definitions=_list_distinct(rows, labels, lambda row: row.quality_definition),
        prompts=list_prompts((_get_label(labels, row), row) for row in rows),
        decodings=_list_distinct(rows, labels, lambda row: row.decoding),
        rounds=outline.measure["repeats"],
        window_s=outline.measure["window_s"],
    )


def _get_label(labels: Labels, row: SummaryRow) -> str:
    return labels.get(row.dataset, row.dataset)


def _count_statuses(rows: Sequence[SummaryRow]) -> tuple[tuple[str, int], ...]:
    counts = {status.value: sum(row.status == status for row in rows) for status in Status}
    return tuple((status, count) for status, count in counts.items() if count)


def _list_lost(rows: Sequence[SummaryRow], labels: Labels) -> Iterator[Lost]:
    for row in rows:
        if row.status != Status.OK:
            reason = translate(row.reason or "")
            yield Lost(_get_label(labels, row), row.cell, row.status, reason)


def _list_distinct(
    rows: Sequence[SummaryRow], labels: Labels, read_text: Callable[[SummaryRow], str | None]
) -> tuple[tuple[str, str], ...]:
    """Return the distinct texts of the rows, each with its data set's label."""
    labelled = ((_get_label(labels, row), text) for row in rows if (text := read_text(row)))
    return tuple(dict.fromkeys(labelled))


def _build_sections(outline: Outline, results: StudyResults) -> Iterator[SectionView]:
    labels = outline.labels.datasets
    for place, section in enumerate(outline.sections, start=1):
        shown = shorten_section(section, results.summary)
        rows = collect_section_rows(shown, labels, results.summary)
        yield SectionView(
            name=section.name,
            number=place,
            title=_format_title(section),
            setting=_format_setting(section, labels),
            note=section.note,
            left_out=describe_left_out(section, shown),
            by_dataset=len(section.datasets) > 1,
            values=tuple(_build_values(shown, labels, results.summary)),
            figures=build_section_table(rows),
            differences=build_difference_table(rows, results.differences),
            quality=build_quality_table(rows),
            costs=build_cost_tables(rows),
            published=(
                None
                if results.published is None
                else compare_section(results.published, section.name, rows)
            ),
        )


def _format_title(section: SectionOutline) -> str:
    """Return a section's title; a title that is just the axis' name is followed by the values."""
    title = section.title
    if list(section.varied) == [title]:
        values = [get_value_label(title, value) for value in section.varied[title]]
        return f"{title}: {', '.join(values)}"
    return title


def _format_setting(section: SectionOutline, labels: Labels) -> str:
    datasets = [labels[name] for name in section.datasets]
    fixed = [f"{axis} {get_value_label(axis, value)}" for axis, value in section.fixed.items()]
    return say(
        "section.setting_fixed" if fixed else "section.setting",
        count=len(datasets),
        datasets=join_words(datasets),
        fixed=join_words(fixed),
    )


def _build_values(section: SectionGrid, labels: Labels, summary: Summary) -> Iterator[ValueView]:
    for values, entries in groupby(section.cells, key=lambda entry: entry.values):
        yield ValueView(
            heading=" · ".join(get_value_label(axis, value) for axis, value in values.items()),
            cells=tuple(_build_cell(entry, labels, summary) for entry in entries),
        )


def _build_cell(entry: PlacedCell, labels: Labels, summary: Summary) -> CellView:
    label = labels[entry.dataset]
    row = summary.get(entry.key)
    if row is None:
        return CellView(label, "no_record", None, say("section.no_record"))
    four = (get_wer_or_reason(row), row.latency, row.energy, row.flops_text)
    block = None if four == (None,) * 4 else format_json_block(*four)
    reason = translate(row.reason) if row.reason else None
    if row.status == Status.OK and row.energy is None and row.energy_reason:
        reason = say("section.no_energy", reason=translate(row.energy_reason))
    return CellView(label, row.status, block, reason)


def make_anchor(name: str) -> str:
    """Return a name as an HTML id."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
