"""Tabulates a section's figures, with notes on them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.sections.image_tokens import list_size_notes, make_token_columns
from vlmeter.reporting.sections.rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, build_table, drop_empty_columns
from vlmeter.results.numbers import Scale, format_percent, format_with_interval
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status

_SHORT = 14
"""Longest name of a metric, in letters, that fits into a heading."""


@dataclass(frozen=True)
class SectionTable:
    """A section's figures, a row per cell, with notes."""

    table: Table
    notes: tuple[str, ...]


def build_section_table(section: SectionRows) -> SectionTable:
    """Return a section's table: a row per cell, in the section's order.

    Cells that run the same computation share a letter, which a note explains.
    """
    columns = section.make_lead()
    if any(row.status != Status.OK for row in section.rows):
        statuses = [str(row.status) for row in section.rows]
        columns.append(TextColumn(say("table.status"), statuses, status=True))
    tokens = make_token_columns(section)
    columns.extend(tokens)
    # More columns do not fit on a page; the table of costs has the memory too.
    columns.extend(_make_figure_columns(section.rows, with_memory=not tokens))
    columns.extend(
        drop_empty_columns(
            [
                TextColumn(
                    say("table.notes"),
                    [_format_row_notes(section, place) for place in section.places],
                )
            ]
        )
    )
    return SectionTable(
        table=build_table(columns),
        notes=(
            *_list_prompt_notes(section),
            *list_size_notes(section),
            *_list_metric_notes(section.places),
            *_list_group_notes(section),
            *_list_sample_notes(section.places),
            *_list_energy_notes(section.rows),
        ),
    )


def get_wer_or_reason(row: SummaryRow) -> float | str | None:
    """Return the word error rate, or the reason why it was not measured."""
    if row.wer_value is not None or row.status != Status.OK:
        return row.wer_value
    return row.wer_note


def choose_task_heading(rows: Iterable[SummaryRow]) -> str:
    """Return the task metric's name if the table has a single metric with a short name."""
    labels = {row.task_metric_label for row in rows if row.task_value is not None}
    label = str(next(iter(labels))) if len(labels) == 1 else ""
    label = translate(label)
    return label if 0 < len(label) <= _SHORT else say("table.task_metric")


def _make_figure_columns(rows: Sequence[SummaryRow], *, with_memory: bool) -> Iterable[TextColumn]:
    yield TextColumn(say("table.wer"), [_format_wer(row) for row in rows], numeric=True)
    task = [format_with_interval(row.task_value, row.task_low, row.task_high) for row in rows]
    yield from drop_empty_columns([TextColumn(choose_task_heading(rows), task, numeric=True)])
    seconds = Scale.of([row.latency for row in rows], "s")
    yield TextColumn(
        f"{say('table.latency')} ({seconds.unit}{say('per.batch')})",
        [
            format_with_interval(row.latency, row.latency_low_s, row.latency_high_s, seconds.factor)
            for row in rows
        ],
        numeric=True,
    )
    joules = Scale.of([row.energy for row in rows], "J")
    yield TextColumn(
        f"{say('table.energy')} ({joules.unit}{say('per.sample')})",
        [
            format_with_interval(row.energy, row.energy_low_j, row.energy_high_j, joules.factor)
            for row in rows
        ],
        numeric=True,
    )
    if not with_memory:
        return
    memory = [row.peak_memory_bytes for row in rows]
    size = Scale.of(memory, "B")
    yield TextColumn(
        f"{say('table.peak_memory')} ({size.unit})",
        [size.format(value) for value in memory],
        numeric=True,
    )


def _format_wer(row: SummaryRow) -> str:
    value = get_wer_or_reason(row)
    if isinstance(value, str):
        return translate(value)
    return format_with_interval(row.wer_value, row.wer_low, row.wer_high)


def _format_row_notes(section: SectionRows, place: Place) -> str:
    row = place.row
    notes = [section.format_marks(place)]
    if row.latency_steady is False:
        notes.append(say("note.not_steady"))
    if row.target_missed:
        notes.append(say("note.wide"))
    if row.truncated_samples:
        notes.append(say("note.cut", count=row.truncated_samples))
    if row.batch_repeats:
        notes.append(say("note.repeats"))
    return "; ".join(note for note in notes if note)


def _list_prompt_notes(section: SectionRows) -> list[str]:
    """Describe the templates of the prompts where a section compares prompts."""
    if "prompt" not in section.varied:
        return []
    prompts = [
        (place.values["prompt"], place.dataset if section.by_dataset else "", words)
        for place in section.places
        if (words := describe_prompts(place.row)) is not None
    ]
    return [
        say("prompt.of" if dataset else "prompt.named", name=name, dataset=dataset, words=words)
        for name, dataset, words in dict.fromkeys(prompts)
    ]


def _list_metric_notes(places: Sequence[Place]) -> list[str]:
    """Name the task metric of each data set where the heading does not name it."""
    measured = [place for place in places if place.row.task_value is not None]
    if not measured or choose_task_heading(place.row for place in measured) != say(
        "table.task_metric"
    ):
        return []
    labels = dict.fromkeys(
        (translate(place.row.task_metric_label), place.dataset) for place in measured
    )
    if len({dataset for _, dataset in labels}) == 1:
        return [say("note.task_metric", labels=join_words([label for label, _ in labels]))]
    texts = [say("note.label_for", label=label, dataset=dataset) for label, dataset in labels]
    return [say("note.task_metric", labels=join_words(texts))]


def _list_group_notes(section: SectionRows) -> list[str]:
    by_key = {place.key: place for place in section.places}
    notes = []
    for group in section.groups:
        members = [by_key[key] for key in group.cells]
        values = join_words([place.label for place in members])
        notes.append(
            say(
                "identical.note" if group.latency_spread is None else "identical.note_spread",
                mark=group.mark,
                words=group.words,
                dataset=members[0].dataset,
                values=values,
                spread=format_percent(group.latency_spread),
            )
        )
    return notes


def _list_sample_notes(places: Sequence[Place]) -> list[str]:
    """Say how many samples the quality figures leave out; the report lists their ids below."""
    left_out: dict[str, int] = {}
    totals: dict[str, int] = {}
    for place in places:
        label, row = place.dataset, place.row
        left_out[label] = max(left_out.get(label, 0), row.bad_samples or 0)
        totals[label] = max(totals.get(label, 0), row.quality_samples or 0)
    texts = [
        say("note.unscored_of", count=n, total=totals[label], dataset=label)
        for label, n in left_out.items()
        if n
    ]
    return [say("note.unscored", counts=join_words(texts))] if texts else []


def _list_energy_notes(rows: Sequence[SummaryRow]) -> list[str]:
    """Name the sources of energy, and the reasons where energy is not measured."""
    methods = [
        f"{device} {translate(kind)}"
        for row in rows
        if row.energy is not None
        for device, kind in (
            ("CPU", row.energy_cpu_kind),
            ("GPU", row.energy_gpu_kind),
            ("RAM", row.energy_ram_kind),
        )
        if kind
    ]
    reasons = [row.energy_reason for row in rows if row.energy_reason]
    notes = (
        [say("note.energy", methods=join_words(list(dict.fromkeys(methods))))] if methods else []
    )
    notes.extend(
        say("note.no_energy", reason=translate(reason)) for reason in dict.fromkeys(reasons)
    )
    return notes


def describe_prompts(row: SummaryRow) -> str | None:
    """Return a cell's templates in quotes, or None where the cell has none."""
    if row.prompt_template is None:
        return None
    templates = json.loads(row.prompt_template)
    shown = (template.replace("\n", "↵") for template in templates)
    return say("prompt.or").join(
        f"“{template}”" if template else say("prompt.image_alone") for template in shown
    )


def list_prompts(rows: Iterable[tuple[str, SummaryRow]]) -> tuple[tuple[str, str], ...]:
    """Return each data set's distinct prompts: its label with the prompt's name, and the template.

    Args:
        rows: The rows of `summary.csv`, each with its data set's label.
    """
    prompts = {
        (f"{label}, {row.prompt}", words): None
        for label, row in rows
        if (words := describe_prompts(row)) is not None
    }
    return tuple(prompts)
