"""Builds the content of the report as plain values; the templates only lay it out."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.data.manifests import SamplesManifest
from vlmeter.machine.description import Machine
from vlmeter.reporting.all_settings import SettingsTable, build_settings_table
from vlmeter.reporting.budget import BudgetView, build_budget_view
from vlmeter.reporting.definitions import Definition, list_definitions
from vlmeter.reporting.first_screen import build_first_screen
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.gallery import ShownDataset, read_shown_answers
from vlmeter.reporting.header import Header, build_header
from vlmeter.reporting.language import get_language, say, translate
from vlmeter.reporting.layers.profiles import Profile
from vlmeter.reporting.layers.view import LayersView, build_layers_view
from vlmeter.reporting.machine import list_machine_lines
from vlmeter.reporting.missing import AllMissing, list_missing
from vlmeter.reporting.provenance import Origin, describe_origin
from vlmeter.reporting.published import Published
from vlmeter.reporting.remark import Remark
from vlmeter.reporting.requests.view import RequestsView, build_requests_view
from vlmeter.reporting.sections.differences import DriftTable, build_drift_table
from vlmeter.reporting.sections.published import Reproduction, reproduce_counts
from vlmeter.reporting.sections.table import list_prompts
from vlmeter.reporting.sections.view import SectionView, build_sections
from vlmeter.reporting.shortened import list_first
from vlmeter.reporting.sources import (
    ModelSource,
    describe_datasets,
    describe_models,
    tabulate_sources,
)
from vlmeter.reporting.table import Table
from vlmeter.reporting.verdict import FirstScreen
from vlmeter.results.outline import Outline, SettingsPlan
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences, Summary
from vlmeter.status import Status

Labels = Mapping[str, str]
"""Labels of data sets by name."""


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
    foreign: Mapping[str, str]
    """Texts that the config lacks in the page's language, with their own language."""
    header: Header
    remarks: tuple[Remark, ...]
    """What a reader must know before reading the first value."""
    first: FirstScreen
    """Which setting to deploy."""
    missing: AllMissing
    settings: SettingsTable
    speed: tuple[tuple[str, str], ...]
    quality: tuple[tuple[str, str], ...]
    dataset_labels: tuple[str, ...]
    models: tuple[ModelSource, ...]
    sources: Table
    """Where models and data sets come from."""
    sections: tuple[SectionView, ...]
    requests: RequestsView | None
    budget: BudgetView | None
    """What answers cost, and what fits."""
    layers: LayersView | None
    published: Reproduction | None
    drift: DriftTable | None
    answers: tuple[ShownDataset, ...]
    """Samples with the answers of some cells."""
    machine: tuple[tuple[str, str], ...]
    """Headings and texts about the machine."""
    origin: Origin
    statuses: tuple[tuple[str, int], ...]
    """Number of cells by status; ok first."""
    lost: tuple[Lost, ...]
    bad_samples: tuple[tuple[str, str], ...]
    """Data set, and the samples that could not be scored, with reasons."""
    definitions: tuple[Definition, ...]

    @property
    def measured_words(self) -> str:
        """How many cells were measured, and how the others ended."""
        counts = dict(self.statuses)
        measured = counts.pop(Status.OK, 0)
        others = [
            say("page.status_count", count=count, status=get_status_label(status))
            for status, count in counts.items()
        ]
        words = say("page.measured", measured=measured, cells=measured + sum(counts.values()))
        sentence = f"{', '.join([words, *others])}."
        return f"{sentence} {say('page.in_their_place')}" if others else sentence

    @property
    def script_texts(self) -> dict[str, object]:
        """What the page's script says."""
        answers = ("no_limit", "any_quality", "nearest", "nothing", "ties", "milliseconds")
        names = ("shown", "no_row", *answers)
        return {
            **{name: say(f"script.{name}") for name in names},
            "goals": dict(self.first.goals.headings),
            "choices": {name: say(f"script.{name}") for name in ("group", "across", "upwards")},
        }

    @property
    def gallery_settings(self) -> tuple[str, ...]:
        """The settings whose answers are shown."""
        return tuple(dict.fromkeys(name for shown in self.answers for name in shown.settings))


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
    """What a reader must know before reading the first value."""
    machine: Machine
    summary_csv: Path


def build_page(outline: Outline, results: StudyResults) -> Page:
    """Build the report on a study."""
    base, labels = outline.base, outline.labels.datasets
    rows = list(results.summary.values())
    published = results.published
    models = tuple(describe_models(outline.models, rows))
    datasets = tuple(describe_datasets(outline.datasets, rows, results.manifests))
    layers = build_layers_view(outline, results.profiles)
    screen = build_first_screen(outline, results.summary, results.differences, results.repeats)
    return Page(
        study=outline.study,
        title=outline.title,
        foreign=outline.foreign,
        header=build_header(outline, results.machine, results.summary_csv),
        remarks=results.remarks,
        first=screen,
        missing=list_missing(outline, rows),
        settings=build_settings_table(
            outline, rows, list_first(outline, results.summary, results.differences, screen)
        ),
        speed=(
            ("device", base.device),
            ("optimization", f"{base.dtype}, {base.optimization}"),
        ),
        quality=(
            ("img_size", str(base.image_size)),
            ("batch_size", str(base.batch_size)),
            ("max_input_len", str(base.max_input_len)),
        ),
        dataset_labels=tuple(labels.values()),
        models=models,
        sources=tabulate_sources(models, datasets),
        sections=tuple(build_sections(outline, results.summary, results.differences, published)),
        requests=build_requests_view(
            SettingsPlan(base, {get_language(): outline.labels}), rows, results.differences
        ),
        budget=build_budget_view(outline, results.summary),
        layers=layers,
        published=None if published is None else reproduce_counts(published, base, rows),
        answers=tuple(read_shown_answers(results.answers, outline, results.summary)),
        drift=build_drift_table(outline, rows, results.differences),
        machine=tuple(list_machine_lines(results.machine)),
        origin=describe_origin(rows, labels),
        statuses=_count_statuses(rows),
        lost=tuple(_list_lost(rows, labels)),
        bad_samples=_list_distinct(
            rows, labels, lambda row: translate(row.bad_sample_reasons or "")
        ),
        definitions=tuple(
            list_definitions(
                rounds=outline.measure["repeats"],
                target=outline.measure.get("target_interval"),
                window_s=outline.measure["window_s"],
                qualities=_list_distinct(rows, labels, lambda row: row.quality_definition),
                prompts=list_prompts((_get_label(labels, row), row) for row in rows),
                decodings=_list_distinct(rows, labels, lambda row: translate(row.decoding or "")),
                overhead=None if layers is None else layers.overhead,
                has_layers=layers is not None,
            )
        ),
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


def make_anchor(name: str) -> str:
    """Return a name as an HTML id."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
