"""The values of cells with their intervals, and which of them no other cell beats."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vlmeter.decision.metric import Metric, choose_metric
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status


class Interval(NamedTuple):
    """A figure with the ends of its 95 % interval; without an interval, both equal the figure."""

    value: float
    low: float
    high: float


def get_latency(row: SummaryRow) -> Interval | None:
    """Return the seconds per batch."""
    return _make_cost(row.latency, row.latency_low_s, row.latency_high_s)


def get_sample_time(row: SummaryRow) -> Interval | None:
    """Return the seconds per sample."""
    batch = get_latency(row)
    return None if batch is None else Interval(*(end / row.batch_size for end in batch))


def get_energy(row: SummaryRow) -> Interval | None:
    """Return the joules per sample."""
    return _make_cost(row.energy, row.energy_low_j, row.energy_high_j)


def get_wer(row: SummaryRow) -> Interval | None:
    """Return the word error rate."""
    return _make_interval(row.wer_value, row.wer_low, row.wer_high)


def get_quality(row: SummaryRow, quality: Metric) -> Interval | None:
    """Return the figure that says how well a cell answers."""
    if quality.figure == "task":
        return _make_interval(row.task_value, row.task_low, row.task_high)
    return get_wer(row)


@dataclass(frozen=True)
class Group:
    """The measured cells on a data set with a model."""

    dataset: str
    model: str
    quality: Metric | None
    """None where no cell's quality was measured."""
    rows: tuple[SummaryRow, ...]


def group_measured(rows: Iterable[SummaryRow]) -> list[Group]:
    """Return the measured cells by data set and model, in the order of the rows."""
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        measured = row.status == Status.OK and row.latency is not None
        groups.setdefault((row.dataset, row.model), []).extend([row] if measured else [])
    return [
        Group(dataset, model, choose_metric(group), tuple(group))
        for (dataset, model), group in groups.items()
    ]


def find_front(costs: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the Pareto front: the points that no other point dominates."""
    points = np.asarray(costs, dtype=np.float64).reshape(len(costs), -1)
    return [
        place
        for place, point in enumerate(points)
        if not ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
    ]


def _make_cost(value: float | None, low: float | None, high: float | None) -> Interval | None:
    if value is None or not math.isfinite(value) or value <= 0:
        return None
    return _make_interval(value, low, high)


def _make_interval(value: float | None, low: float | None, high: float | None) -> Interval | None:
    if value is None:
        return None
    return Interval(value, value if low is None else low, value if high is None else high)
