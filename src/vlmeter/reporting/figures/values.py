"""What a chart may show of a measurement: the axes that a reader chooses from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.results.numbers import format_with_interval
from vlmeter.results.summary_row import SummaryRow


class Interval(NamedTuple):
    """A value with the ends of its 95 % interval; without an interval, both equal the value."""

    value: float
    low: float
    high: float


def format_measured(interval: Interval) -> str:
    """Return a value with its interval where it has one."""
    value, low, high = interval
    return format_with_interval(value, *((low, high) if low < high else (None, None)))


@dataclass(frozen=True)
class Measure:
    """A value that every measured cell may have."""

    unit: str
    """A unit that takes prefixes, or nothing."""
    is_cost: bool
    """Whether less is better: costs are positive."""
    read: Callable[[SummaryRow], Interval | None]


def read_latency(row: SummaryRow) -> Interval | None:
    """Return the seconds per batch."""
    return _make_cost(row.latency, row.latency_low_s, row.latency_high_s)


def read_wer(row: SummaryRow) -> Interval | None:
    """Return the word error rate."""
    return _make_interval(row.wer_value, row.wer_low, row.wer_high)


def read_quality(row: SummaryRow) -> Interval | None:
    """Return the task's own metric, or the word error rate where the task has none."""
    if row.task_value is None:
        return read_wer(row)
    return _make_interval(row.task_value, row.task_low, row.task_high)


def read_forward_rate(row: SummaryRow) -> Interval | None:
    """Return the samples per second of forward passes alone."""
    batch = read_latency(row)
    if batch is None:
        return None
    return Interval(row.batch_size / batch.value, *(row.batch_size / end for end in batch[:0:-1]))


MEASURES: Mapping[str, Measure] = {
    "latency": Measure("s", True, read_latency),
    "first_token": Measure("s", True, lambda row: _make_cost(row.time_to_first_token_s)),
    "output_token": Measure("s", True, lambda row: _make_cost(row.time_per_output_token_s)),
    "energy": Measure(
        "J", True, lambda row: _make_cost(row.energy, row.energy_low_j, row.energy_high_j)
    ),
    "memory": Measure("B", True, lambda row: _make_cost(row.peak_memory_bytes)),
    "generation_rate": Measure("", False, lambda row: _make_cost(row.samples_per_s)),
    "forward_rate": Measure("", False, read_forward_rate),
    "quality": Measure("", False, read_quality),
}
"""By the name under which the catalogues have its words, costs first."""


def choose_direction(row: SummaryRow) -> tuple[str, bool]:
    """Return what a cell's quality is, and whether more of it is better."""
    if row.task_value is None:
        return ("WER" if row.wer_value is not None else ""), False
    return str(row.task_metric_label), bool(row.task_higher_is_better)


def _make_cost(
    value: float | None, low: float | None = None, high: float | None = None
) -> Interval | None:
    if value is None or not math.isfinite(value) or value <= 0:
        return None
    # A logarithmic axis has no place for an end at or below zero.
    least = value if low is None else max(low, value / 100)
    return Interval(value, least, value if high is None else high)


def _make_interval(value: float | None, low: float | None, high: float | None) -> Interval | None:
    if value is None:
        return None
    return Interval(value, value if low is None else low, value if high is None else high)
