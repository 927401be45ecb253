"""Tidy tables for people: one row per cell or module, a unit in every heading."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.reporting.findings import error_words, fit_power
from vlmeter.reporting.formats import (
    DASH,
    Scale,
    interval,
    listed,
    number,
    percent,
    quantity,
    value_label,
)
from vlmeter.reporting.frames import Row
from vlmeter.reporting.identical import Group, identical_groups
from vlmeter.reporting.profiles import (
    Profile,
    batch_of,
    batch_series,
    kinds_of,
    measured,
    module_groups,
)

Plain = Mapping[str, Any]

_AXIS_HEADINGS = {
    "model": "Model",
    "prompt": "Prompt",
    "device": "Device",
    "dtype": "dtype",
    "image_size": "Image (px)",
    "image_input": "Image input",
    "batch_size": "Batch",
    "max_input_len": "Input length",
    "optimization": "Optimization",
}


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Columns that are set flush right."""


@dataclass(frozen=True)
class SectionTable:
    """A section's figures side by side, with what is to be said about single rows."""

    table: Table
    notes: tuple[str, ...]


def section_table(
    section: Plain, datasets: Plain, summary: Mapping[tuple[str, str], Row]
) -> SectionTable:
    """Return a section's table: a row per cell in the section's order.

    Cells that are the same computation carry a letter, which a note below explains.
    """
    entries = [
        (entry, summary[entry["dataset"], entry["cell"]])
        for entry in section["cells"]
        if (entry["dataset"], entry["cell"]) in summary
    ]
    rows = [row for _, row in entries]
    groups = identical_groups(rows)
    columns: list[tuple[str, list[str], bool]] = [
        (_AXIS_HEADINGS[axis], [value_label(axis, e["values"][axis]) for e, _ in entries], False)
        for axis in section["varied"]
    ]
    if len(section["datasets"]) > 1:
        labels = [datasets[entry["dataset"]]["label"] for entry, _ in entries]
        columns.append(("Data set", labels, False))
    columns.append(("Status", [str(row["status"]).replace("_", " ") for row in rows], False))
    columns.extend(_figures(rows))
    notes = [_row_notes(row, groups) for row in rows]
    if any(notes):
        columns.append(("Notes", notes, False))
    return SectionTable(
        table=_table(columns),
        notes=(
            *_group_notes(groups, entries, datasets, section),
            *_sample_notes(rows, datasets),
            *_energy_notes(rows),
        ),
    )


def _table(columns: Sequence[tuple[str, Sequence[str], bool]]) -> Table:
    return Table(
        headings=tuple(heading for heading, _, _ in columns),
        rows=tuple(zip(*(cells for _, cells, _ in columns), strict=True)),
        numeric=frozenset(place for place, (_, _, right) in enumerate(columns) if right),
    )


def _figures(rows: Sequence[Row]) -> Iterable[tuple[str, list[str], bool]]:
    yield "WER", [_with_interval(row, "wer_value", "wer_low", "wer_high") for row in rows], True
    yield "Task metric", [_task(row) for row in rows], True
    seconds = Scale.of([row["latency"] for row in rows], "s")
    yield (
        f"Latency ({seconds.unit}/batch)",
        [
            _with_interval(row, "latency", "latency_low_s", "latency_high_s", seconds.factor)
            for row in rows
        ],
        True,
    )
    joules = Scale.of([row["energy"] for row in rows], "J")
    yield (
        f"Energy ({joules.unit}/sample)",
        [
            _with_interval(row, "energy", "energy_low_j", "energy_high_j", joules.factor)
            for row in rows
        ],
        True,
    )
    work = Scale.of([row["flops"] for row in rows], "FLOP")
    yield f"Work ({work.unit}/batch)", [work.text(row["flops"]) for row in rows], True
    memory = [peak_memory(row) for row in rows]
    size = Scale.of(memory, "B")
    yield f"Peak memory ({size.unit})", [size.text(value) for value in memory], True


def peak_memory(row: Row) -> float | None:
    """Return the device's peak for a cell on a GPU, the host's for one on the CPU, in bytes."""
    device = row["peak_allocated_bytes"]
    value = device if device is not None else row["peak_rss_bytes"]
    return None if value is None else float(value)


def _with_interval(row: Row, value: str, low: str, high: str, factor: float = 1.0) -> str:
    if row[value] is None:
        return DASH
    ends = interval(row[low], row[high], factor)
    return f"{number(row[value] / factor)} {ends}".rstrip()


def _task(row: Row) -> str:
    if row["task_value"] is None:
        return DASH
    return (
        f"{row['task_metric_label']} {_with_interval(row, 'task_value', 'task_low', 'task_high')}"
    )


def _row_notes(row: Row, groups: Sequence[Group]) -> str:
    key = (row["dataset"], row["cell"])
    notes = [f"= {group.mark}" for group in groups if key in group.cells]
    if row["latency_steady"] is False:
        notes.append("times not steady")
    if row["disturbed"]:
        notes.append("disturbed")
    if row["truncated_samples"]:
        notes.append(f"{row['truncated_samples']} texts cut")
    if row["batch_repeats"]:
        notes.append("samples repeat in a batch")
    return "; ".join(notes)


def _group_notes(
    groups: Sequence[Group],
    entries: Sequence[tuple[Plain, Row]],
    datasets: Plain,
    section: Plain,
) -> list[str]:
    labels = {
        (row["dataset"], row["cell"]): " · ".join(
            value_label(axis, entry["values"][axis]) for axis in section["varied"]
        )
        for entry, row in entries
    }
    notes = []
    for group in groups:
        where = datasets[group.cells[0][0]]["label"]
        values = listed([labels[key] for key in group.cells])
        chance = (
            ""
            if group.latency_spread is None
            else f"; their latencies differ by {percent(group.latency_spread)}, which is noise"
        )
        notes.append(f"{group.mark}: {group.words} ({where} at {values}){chance}.")
    return notes


def _sample_notes(rows: Sequence[Row], datasets: Plain) -> list[str]:
    """Say how many samples the quality figures leave out; their ids stand further below."""
    left_out: dict[str, int] = {}
    totals: dict[str, int] = {}
    for row in rows:
        label = datasets[row["dataset"]]["label"]
        left_out[label] = max(left_out.get(label, 0), row["bad_samples"] or 0)
        totals[label] = max(totals.get(label, 0), row["quality_samples"] or 0)
    told = [f"{n} of {totals[label]} of {label}" for label, n in left_out.items() if n]
    return [f"Samples that could not be scored: {listed(told)}."] if told else []


def _energy_notes(rows: Sequence[Row]) -> list[str]:
    """Say how energy is known, and why it is not where it is not."""
    known = [
        f"{device.upper()} {row[f'energy_{device}_kind']}"
        for row in rows
        for device in ("cpu", "gpu", "ram")
        if row["energy"] is not None and row[f"energy_{device}_kind"]
    ]
    reasons = [row["energy_reason"] for row in rows if row["energy_reason"]]
    notes = [f"Energy: {listed(list(dict.fromkeys(known)))}."] if known else []
    notes.extend(f"Energy not measured: {reason}." for reason in dict.fromkeys(reasons))
    return notes


def kinds_table(profiles: Sequence[Profile]) -> Table | None:
    """Return milliseconds per forward pass by kind of layer, a column per profile.

    Where several batch sizes were profiled, the last column is the exponent of the growth.
    """
    usable = measured(profiles)
    if not usable:
        return None
    kinds = kinds_of(usable)
    times = [one.ms_by_kind() for one in usable]
    columns: list[tuple[str, list[str], bool]] = [("Kind of layer", [*kinds, "all"], False)]
    for one, by_kind in zip(usable, times, strict=True):
        cells = [_ms_and_share(by_kind.get(kind, 0.0), one.total_ms) for kind in kinds]
        columns.append((f"{one.label} (ms)", [*cells, number(one.total_ms)], True))
    series = batch_series(usable)
    if len(series) > 1:
        growth = [
            _exponent(series, [one.ms_by_kind().get(kind, 0.0) for one in series]) for kind in kinds
        ]
        whole = _exponent(series, [one.total_ms for one in series])
        columns.append(("Growth with batch (exponent)", [*growth, whole], True))
    return _table(columns)


def _ms_and_share(ms: float, total: float) -> str:
    return f"{number(ms)} ({percent(ms / total)})"


def _exponent(series: Sequence[Profile], times: Sequence[float]) -> str:
    fit = fit_power([batch_of(one) for one in series], times)
    if fit is None:
        return DASH
    error = "" if fit.standard_error is None else f" {error_words(fit.standard_error)}"
    return f"{fit.exponent:.2f}{error}".replace("less than ", "<")


def modules_table(profile: Profile, rows: int = 12) -> Table:
    """Return the modules that take the most time of a profile, repeated blocks added up."""
    groups = module_groups(profile)[:rows]
    return _table(
        [
            ("Module", [group.name for group in groups], False),
            ("Kind", [group.kind for group in groups], False),
            ("Stage", [group.stage for group in groups], False),
            ("Modules", [str(group.modules) for group in groups], True),
            ("Time (ms)", [number(group.time_ms) for group in groups], True),
            ("Share", [percent(group.share) for group in groups], True),
            ("Work", [quantity(group.flops or None, "FLOP") for group in groups], True),
            ("Parameters", [count(group.parameters) for group in groups], True),
        ]
    )


def count(value: float | None) -> str:
    """Return a large count with a prefix, e.g. `3.74 G`; none where there is nothing to count."""
    return quantity(value, "").rstrip() if value else DASH
