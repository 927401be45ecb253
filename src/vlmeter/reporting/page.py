"""What the report says, as plain values: the templates only lay it out."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from vlmeter.record import Status
from vlmeter.reporting.answer import Answer, answer
from vlmeter.reporting.answers import ShownDataset, shown_answers
from vlmeter.reporting.cost_tables import CostTables, cost_tables
from vlmeter.reporting.decision import decide
from vlmeter.reporting.difference_table import (
    DifferenceTable,
    DriftTable,
    difference_table,
    drift_table,
)
from vlmeter.reporting.findings import Finding, findings
from vlmeter.reporting.formats import json_block, listed, value_label
from vlmeter.reporting.frames import Differences, Row
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.layer_tables import kinds_table, modules_table, work_table
from vlmeter.reporting.origin import Origin, described, origin
from vlmeter.reporting.profiles import Profile, decode_steps, measured
from vlmeter.reporting.prompts import prompts_used
from vlmeter.reporting.published import Published
from vlmeter.reporting.published_tables import (
    ComparedSection,
    Reproduction,
    compared_section,
    reproduction,
)
from vlmeter.reporting.quality_table import quality_table
from vlmeter.reporting.remarks import Remark
from vlmeter.reporting.section_rows import section_rows
from vlmeter.reporting.section_table import SectionTable, section_table, wer_or_reason
from vlmeter.reporting.shortened import left_out, shortened
from vlmeter.reporting.table import Table

Plain = Mapping[str, Any]
Summary = Mapping[tuple[str, str], Row]


@dataclass(frozen=True)
class CellView:
    """A cell in its place in the report."""

    dataset: str
    """The data set's label."""
    status: str
    json: str | None
    """The source's four keys, or None where nothing was measured."""
    reason: str | None
    """Why the cell has no figures, or not all of them."""


@dataclass(frozen=True)
class ValueView:
    """All cells of one value of a section's axis."""

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
    """Which of many settings are shown; None where all are."""
    by_dataset: bool
    """Whether its cells need the data set's name above them."""
    values: tuple[ValueView, ...]
    figures: SectionTable
    differences: DifferenceTable | None
    quality: Table | None
    """Every metric; the figures show the task's own alone."""
    costs: CostTables | None
    published: ComparedSection | None


@dataclass(frozen=True)
class LayersView:
    """The part about layers."""

    dataset: str
    findings: tuple[Finding, ...]
    kinds: Table | None
    work: Table | None
    modules: Table | None
    modules_of: str
    decode_kinds: Table | None
    """As `kinds`, of a decode step."""
    decode_work: Table | None
    decode_lost: tuple[tuple[str, str], ...]
    """Label and reason of each profiled forward pass beside which no decode step stands."""
    lost: tuple[tuple[str, str, str], ...]
    """Label, status and reason of each profile that failed."""
    overhead: float | None
    """Largest share of time that the hooks added before scaling, to a pass or a step."""


@dataclass(frozen=True)
class Lost:
    """A cell that did not end well."""

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
    """What must be known before the first figure."""
    answer: Answer
    """Which setting to deploy."""
    speed: tuple[tuple[str, str], ...]
    quality: tuple[tuple[str, str], ...]
    datasets: tuple[Plain, ...]
    models: tuple[Plain, ...]
    sections: tuple[SectionView, ...]
    layers: LayersView | None
    published: Reproduction | None
    drift: DriftTable | None
    answers: tuple[ShownDataset, ...]
    """Samples with the answers of some cells."""
    origin: Origin
    statuses: tuple[tuple[str, int], ...]
    """How many cells ended how; ok first."""
    lost: tuple[Lost, ...]
    bad_samples: tuple[tuple[str, str], ...]
    """Data set and what was wrong with which samples."""
    quality_definitions: tuple[tuple[str, str], ...]
    prompts: tuple[tuple[str, str], ...]
    """Data set with prompt, and the template that was used."""
    decodings: tuple[tuple[str, str], ...]
    measure: Plain

    @property
    def cells(self) -> int:
        """Number of distinct cells."""
        return sum(count for _, count in self.statuses)

    @property
    def measured(self) -> int:
        """Number of cells that ended well."""
        return dict(self.statuses).get(Status.OK, 0)


@dataclass(frozen=True)
class Found:
    """What was found out about a study, besides its outline."""

    summary: Summary
    """The rows of `summary.csv`."""
    differences: Differences
    """The rows of `differences.csv`."""
    profiles: Sequence[Profile]
    """The layer profiles."""
    manifests: Mapping[str, Plain]
    """What was written beside the samples, by data set."""
    published: Published | None
    """Figures that others published, where the study names some."""
    answers: Path | None
    """`answers.json`, where answers were collected."""
    remarks: tuple[Remark, ...]
    """What must be known before the first figure."""


def build_page(outline: Plain, found: Found) -> Page:
    """Return what the report says about a study."""
    base = outline["base"]
    datasets = outline["datasets"]
    rows = list(found.summary.values())
    published = found.published
    return Page(
        study=outline["study"],
        title=outline["title"],
        remarks=found.remarks,
        answer=answer(outline, decide(rows, found.differences, outline["references"]), rows),
        speed=(
            ("device", base["device"]),
            ("optimization", f"{base['dtype']}, {base['optimization']}"),
        ),
        quality=(
            ("img_size", str(base["image_size"])),
            ("batch_size", str(base["batch_size"])),
            ("max_input_len", str(base["max_input_len"])),
        ),
        datasets=tuple(
            described("dataset", name, block, rows, found.manifests.get(name))
            for name, block in datasets.items()
        ),
        models=tuple(
            described("model", name, block, rows) for name, block in outline["models"].items()
        ),
        sections=tuple(_sections(outline, found)),
        layers=_layers(outline, found.profiles),
        published=None if published is None else reproduction(published, base, rows),
        answers=tuple(shown_answers(found.answers, outline, found.summary)),
        drift=drift_table(outline, rows, found.differences),
        origin=origin(rows, datasets),
        statuses=_statuses(rows),
        lost=tuple(_lost(rows, datasets)),
        bad_samples=_once_per_dataset(rows, datasets, "bad_sample_reasons"),
        quality_definitions=_once_per_dataset(rows, datasets, "quality_definition"),
        prompts=prompts_used((_label(datasets, row), row) for row in rows),
        decodings=_once_per_dataset(rows, datasets, "decoding"),
        measure=outline.get("measure") or {},
    )


def _label(datasets: Plain, row: Row) -> str:
    return str(datasets.get(row["dataset"], {}).get("label", row["dataset"]))


def _statuses(rows: Sequence[Row]) -> tuple[tuple[str, int], ...]:
    counts = {status.value: sum(row["status"] == status for row in rows) for status in Status}
    return tuple((status, count) for status, count in counts.items() if count)


def _lost(rows: Sequence[Row], datasets: Plain) -> Iterator[Lost]:
    for row in rows:
        if row["status"] != Status.OK:
            reason = recorded(row["reason"] or "")
            yield Lost(_label(datasets, row), row["cell"], row["status"], reason)


def _once_per_dataset(
    rows: Sequence[Row], datasets: Plain, column: str
) -> tuple[tuple[str, str], ...]:
    told = dict.fromkeys((_label(datasets, row), row[column]) for row in rows if row[column])
    return tuple(told)


def _sections(outline: Plain, found: Found) -> Iterator[SectionView]:
    for place, section in enumerate(outline["sections"], start=1):
        shown = shortened(section, found.summary)
        rows = section_rows(shown, outline["datasets"], found.summary)
        yield SectionView(
            name=section["name"],
            number=place,
            title=_title(section),
            setting=_setting(section, outline["datasets"]),
            note=section.get("note"),
            left_out=left_out(section, shown),
            by_dataset=len(section["datasets"]) > 1,
            values=tuple(_values(shown, outline["datasets"], found.summary)),
            figures=section_table(rows),
            differences=difference_table(rows, found.differences),
            quality=quality_table(rows),
            costs=cost_tables(rows),
            published=(
                None
                if found.published is None
                else compared_section(found.published, section["name"], rows)
            ),
        )


def _title(section: Plain) -> str:
    """Return a section's title; one that is just the axis' name is followed by the values."""
    title = str(section["title"])
    if list(section["varied"]) == [title]:
        values = [value_label(title, value) for value in section["varied"][title]]
        return f"{title}: {', '.join(values)}"
    return title


def _setting(section: Plain, datasets: Plain) -> str:
    labels = [datasets[name]["label"] for name in section["datasets"]]
    fixed = [f"{axis} {value_label(axis, value)}" for axis, value in section["fixed"].items()]
    return say(
        "section.setting_fixed" if fixed else "section.setting",
        count=len(labels),
        datasets=listed(labels),
        fixed=listed(fixed),
    )


def _values(section: Plain, datasets: Plain, summary: Summary) -> Iterator[ValueView]:
    for values, entries in groupby(section["cells"], key=itemgetter("values")):
        yield ValueView(
            heading=" · ".join(value_label(axis, value) for axis, value in values.items()),
            cells=tuple(_cell(entry, datasets, summary) for entry in entries),
        )


def _cell(entry: Plain, datasets: Plain, summary: Summary) -> CellView:
    label = datasets[entry["dataset"]]["label"]
    row = summary.get((entry["dataset"], entry["cell"]))
    if row is None:
        return CellView(label, "no_record", None, say("section.no_record"))
    four = (wer_or_reason(row), row["latency"], row["energy"], row["flops_text"])
    block = None if four == (None,) * 4 else json_block(*four)
    reason = recorded(row["reason"]) if row["reason"] else None
    if row["status"] == Status.OK and row["energy"] is None and row["energy_reason"]:
        reason = say("section.no_energy", reason=recorded(row["energy_reason"]))
    return CellView(label, row["status"], block, reason)


def _layers(outline: Plain, profiles: Sequence[Profile]) -> LayersView | None:
    if outline.get("layers") is None:
        return None
    usable = measured(profiles)
    steps = decode_steps(profiles)
    overheads = [one.overhead_share for one in (*usable, *steps) if one.overhead_share is not None]
    return LayersView(
        dataset=outline["datasets"][outline["layers"]["dataset"]]["label"],
        findings=tuple(findings(profiles)),
        kinds=kinds_table(profiles),
        work=work_table(profiles),
        modules=modules_table(usable[0]) if usable else None,
        modules_of=usable[0].label if usable else "",
        decode_kinds=kinds_table(steps),
        decode_work=work_table(steps),
        decode_lost=tuple(
            (one.label, one.decode.reason)
            for one in usable
            if one.decode is not None and not one.decode.measured and one.decode.reason
        ),
        lost=tuple(
            (one.label, one.status, one.reason or say("layers.no_time"))
            for one in profiles
            if one not in usable
        ),
        overhead=max([0.0, *overheads]) if overheads else None,
    )


def anchor(name: str) -> str:
    """Return a name as an HTML id."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)
