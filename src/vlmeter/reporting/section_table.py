"""A section's figures side by side, and what is to be said about them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vlmeter.record import Status
from vlmeter.reporting.formats import DASH, Scale, interval, listed, number, percent
from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.prompts import prompt_words
from vlmeter.reporting.section_rows import Place, SectionRows
from vlmeter.reporting.table import Table, TextColumn, filled, table_of

_SHORT = 14
"""Letters of a metric's name that a heading has room for."""


@dataclass(frozen=True)
class SectionTable:
    """A section's figures side by side, with what is to be said about single rows."""

    table: Table
    notes: tuple[str, ...]


def section_table(section: SectionRows) -> SectionTable:
    """Return a section's table: a row per cell in the section's order.

    Cells that are the same computation carry a letter, which a note below explains.
    """
    columns = section.lead()
    if any(row["status"] != Status.OK for row in section.rows):
        statuses = [str(row["status"]) for row in section.rows]
        columns.append(TextColumn(say("table.status"), statuses, status=True))
    columns.extend(_figures(section.rows))
    columns.extend(
        filled(
            [
                TextColumn(
                    say("table.notes"), [_row_notes(section, place) for place in section.places]
                )
            ]
        )
    )
    return SectionTable(
        table=table_of(columns),
        notes=(
            *_prompt_notes(section),
            *_metric_notes(section.places),
            *_group_notes(section),
            *_sample_notes(section.places),
            *_energy_notes(section.rows),
        ),
    )


def wer_or_reason(row: Row) -> float | str | None:
    """Return the word error rate, or the reason why it was not measured."""
    if row["wer_value"] is not None or row["status"] != Status.OK:
        return row["wer_value"]  # type: ignore[no-any-return]
    return row["wer_note"]  # type: ignore[no-any-return]


def task_heading(rows: Iterable[Row]) -> str:
    """Return the task metric's name where a table has but one, and it is short."""
    labels = {row["task_metric_label"] for row in rows if row["task_value"] is not None}
    label = str(next(iter(labels))) if len(labels) == 1 else ""
    label = recorded(label)
    return label if 0 < len(label) <= _SHORT else say("table.task_metric")


def peak_memory(row: Row) -> float | None:
    """Return the device's peak for a cell on a GPU, the host's for one on the CPU, in bytes."""
    device = row["peak_allocated_bytes"]
    value = device if device is not None else row["peak_rss_bytes"]
    return None if value is None else float(value)


def _figures(rows: Sequence[Row]) -> Iterable[TextColumn]:
    yield TextColumn(say("table.wer"), [_wer(row) for row in rows], numeric=True)
    task = [_with_interval(row, "task_value", "task_low", "task_high") for row in rows]
    yield from filled([TextColumn(task_heading(rows), task, numeric=True)])
    seconds = Scale.of([row["latency"] for row in rows], "s")
    yield TextColumn(
        f"{say('table.latency')} ({seconds.unit}{say('per.batch')})",
        [
            _with_interval(row, "latency", "latency_low_s", "latency_high_s", seconds.factor)
            for row in rows
        ],
        numeric=True,
    )
    joules = Scale.of([row["energy"] for row in rows], "J")
    yield TextColumn(
        f"{say('table.energy')} ({joules.unit}{say('per.sample')})",
        [
            _with_interval(row, "energy", "energy_low_j", "energy_high_j", joules.factor)
            for row in rows
        ],
        numeric=True,
    )
    memory = [peak_memory(row) for row in rows]
    size = Scale.of(memory, "B")
    yield TextColumn(
        f"{say('table.peak_memory')} ({size.unit})",
        [size.text(value) for value in memory],
        numeric=True,
    )


def _wer(row: Row) -> str:
    value = wer_or_reason(row)
    if isinstance(value, str):
        return value
    return _with_interval(row, "wer_value", "wer_low", "wer_high")


def _with_interval(row: Row, value: str, low: str, high: str, factor: float = 1.0) -> str:
    if row[value] is None:
        return DASH
    ends = interval(row[low], row[high], factor)
    return f"{number(row[value] / factor)} {ends}".rstrip()


def _row_notes(section: SectionRows, place: Place) -> str:
    row = place.row
    notes = [section.mark(place)]
    if row["latency_steady"] is False:
        notes.append(say("note.not_steady"))
    if row["disturbed"]:
        notes.append(say("note.disturbed"))
    if row["truncated_samples"]:
        notes.append(say("note.cut", count=row["truncated_samples"]))
    if row["batch_repeats"]:
        notes.append(say("note.repeats"))
    return "; ".join(note for note in notes if note)


def _prompt_notes(section: SectionRows) -> list[str]:
    """Say what stands behind the prompts' names where a section compares them."""
    if "prompt" not in section.varied:
        return []
    named = [
        (place.values["prompt"], place.dataset if section.by_dataset else "", words)
        for place in section.places
        if (words := prompt_words(place.row)) is not None
    ]
    return [
        say("prompt.of" if dataset else "prompt.named", name=name, dataset=dataset, words=words)
        for name, dataset, words in dict.fromkeys(named)
    ]


def _metric_notes(places: Sequence[Place]) -> list[str]:
    """Name the task metric of each data set where the heading does not."""
    measured = [place for place in places if place.row["task_value"] is not None]
    if not measured or task_heading(place.row for place in measured) != say("table.task_metric"):
        return []
    labels = dict.fromkeys(
        (recorded(place.row["task_metric_label"]), place.dataset) for place in measured
    )
    if len({dataset for _, dataset in labels}) == 1:
        return [say("note.task_metric", labels=listed([label for label, _ in labels]))]
    told = [say("note.label_for", label=label, dataset=dataset) for label, dataset in labels]
    return [say("note.task_metric", labels=listed(told))]


def _group_notes(section: SectionRows) -> list[str]:
    by_key = {place.key: place for place in section.places}
    notes = []
    for group in section.groups:
        members = [by_key[key] for key in group.cells]
        values = listed([place.label for place in members])
        notes.append(
            say(
                "identical.note" if group.latency_spread is None else "identical.note_spread",
                mark=group.mark,
                words=group.words,
                dataset=members[0].dataset,
                values=values,
                spread=percent(group.latency_spread),
            )
        )
    return notes


def _sample_notes(places: Sequence[Place]) -> list[str]:
    """Say how many samples the quality figures leave out; their ids stand further below."""
    left_out: dict[str, int] = {}
    totals: dict[str, int] = {}
    for place in places:
        label, row = place.dataset, place.row
        left_out[label] = max(left_out.get(label, 0), row["bad_samples"] or 0)
        totals[label] = max(totals.get(label, 0), row["quality_samples"] or 0)
    told = [
        say("note.unscored_of", count=n, total=totals[label], dataset=label)
        for label, n in left_out.items()
        if n
    ]
    return [say("note.unscored", told=listed(told))] if told else []


def _energy_notes(rows: Sequence[Row]) -> list[str]:
    """Say how energy is known, and why it is not where it is not."""
    known = [
        f"{device.upper()} {recorded(row[f'energy_{device}_kind'])}"
        for row in rows
        for device in ("cpu", "gpu", "ram")
        if row["energy"] is not None and row[f"energy_{device}_kind"]
    ]
    reasons = [row["energy_reason"] for row in rows if row["energy_reason"]]
    notes = [say("note.energy", known=listed(list(dict.fromkeys(known))))] if known else []
    notes.extend(
        say("note.no_energy", reason=recorded(reason)) for reason in dict.fromkeys(reasons)
    )
    return notes
