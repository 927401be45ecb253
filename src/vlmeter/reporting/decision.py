"""Decides which setting to deploy: the best cells of each data set and model.

A cell is eligible when its answers are not worse than the reference's beyond the noise. For each
aim, an eligible cell is chosen. Data sets are never averaged.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from vlmeter.results.tables import Differences, Row
from vlmeter.status import Status

Plain = Mapping[str, Any]


class Aim(StrEnum):
    """What a setting may be best for."""

    LATENCY = "latency"
    """Seconds per batch: how soon an answer is ready."""
    THROUGHPUT = "throughput"
    """Samples per second: how soon a workload is done."""
    ENERGY = "energy"
    """Joules per sample."""
    KNEE = "knee"
    """All three at once: the cell on their Pareto front that is nearest to the best of each."""


class Interval(NamedTuple):
    """A figure with the ends of its 95 % interval; without an interval, both equal the figure."""

    value: float
    low: float
    high: float


class Change(NamedTuple):
    """How a figure differs from the reference's."""

    value: float
    """A share of the reference for costs, the plain difference for quality."""
    low: float | None
    high: float | None
    differs: bool | None
    """Whether it differs beyond the noise; None where that is not known."""


class Quality(NamedTuple):
    """The figure that says how well a group's cells answer."""

    prefix: str
    """Prefix of its columns: task or wer."""
    value: str
    """Name of the column with its value."""
    label: str
    higher_is_better: bool


@dataclass(frozen=True)
class Choice:
    """The setting that is best for an aim."""

    aim: Aim
    row: Row
    changes: Mapping[str, Change]
    """By figure: latency, sample_time, energy and quality, where they can be compared."""
    is_reference: bool
    """Whether the reference itself is chosen, since no cell is better beyond the noise."""
    challenger: tuple[Row, Change] | None
    """If so, the cell with the best figure, which is not better beyond the noise."""
    alike: tuple[Row, ...]
    """Other eligible cells whose intervals overlap the chosen cell's."""


@dataclass(frozen=True)
class Decision:
    """The best settings on a data set with a model."""

    dataset: str
    model: str
    reference: Row | None
    """The cell that the others are compared with; None where it has no figures."""
    reference_cell: str
    quality: Quality | None
    """None where no cell's quality was measured."""
    choices: tuple[Choice, ...]
    better: tuple[Row, ...]
    """Eligible cells that answer better than the reference beyond the noise."""
    worse: tuple[Row, ...]
    """Measured cells that answer worse beyond the noise, and so are not eligible."""
    unjudged: tuple[Row, ...]
    """Measured cells whose answers cannot be compared, and so are not eligible."""
    rows: tuple[Row, ...]
    """All measured cells."""


def get_latency(row: Row) -> Interval | None:
    """Return the seconds per batch."""
    return _get_interval(row, "latency", "latency_low_s", "latency_high_s")


def get_sample_time(row: Row) -> Interval | None:
    """Return the seconds per sample."""
    batch = get_latency(row)
    return None if batch is None else Interval(*(end / row["batch_size"] for end in batch))


def get_energy(row: Row) -> Interval | None:
    """Return the joules per sample."""
    return _get_interval(row, "energy", "energy_low_j", "energy_high_j")


COSTS: Mapping[str, Callable[[Row], Interval | None]] = {
    "latency": get_latency,
    "sample_time": get_sample_time,
    "energy": get_energy,
}
"""Every cost by its name in `differences.csv`; less is better."""
_SUFFIXES = {"latency": "_s", "sample_time": "_s", "energy": "_j"}
_COST_OF = {Aim.LATENCY: "latency", Aim.THROUGHPUT: "sample_time", Aim.ENERGY: "energy"}


def decide(
    rows: Iterable[Row], differences: Differences, references: Mapping[str, Mapping[str, str]]
) -> list[Decision]:
    """Return the best settings of each data set and model, in the order of the rows.

    Args:
        rows: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        references: Id of the reference cell, by data set and model.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        measured = row["status"] == Status.OK and row["latency"] is not None
        groups.setdefault((row["dataset"], row["model"]), []).extend([row] if measured else [])
    return [
        _decide_group(
            dataset, model, group, differences, references.get(dataset, {}).get(model, "")
        )
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


def find_knee(costs: Sequence[Sequence[float]]) -> int:
    """Return the index of the point on the front that is nearest to the lowest of every cost.

    Distances are Euclidean over logarithms, each cost scaled to its range on the front, so that
    neither its unit nor its size matters. In a tie, the first point is chosen.
    """
    places = find_front(costs)
    logs = np.log(np.asarray(costs, dtype=np.float64)[places])
    span = np.ptp(logs, axis=0)
    scaled = (logs - logs.min(axis=0)) / np.where(span > 0, span, 1.0)
    return places[int(np.argmin((scaled**2).sum(axis=1)))]


def choose_quality(rows: Sequence[Row]) -> Quality | None:
    """Return the figure that judges the cells: the task's metric, else the word error rate."""
    for row in rows:
        if row["task_value"] is not None and row["task_higher_is_better"] is not None:
            label = str(row["task_metric_label"])
            return Quality("task", "task_value", label, bool(row["task_higher_is_better"]))
    if any(row["wer_value"] is not None for row in rows):
        return Quality("wer", "wer_value", "WER", False)
    return None


def _decide_group(
    dataset: str, model: str, rows: Sequence[Row], differences: Differences, reference_cell: str
) -> Decision:
    reference = next((row for row in rows if row["cell"] == reference_cell), None)
    quality = choose_quality(rows)
    compared = {
        row["cell"]: differences.get((dataset, row["cell"], reference_cell))
        for row in rows
        if reference is not None and row is not reference
    }
    changes = {
        cell: _compare_figures(row, quality) for cell, row in compared.items() if row is not None
    }
    judged = {row["cell"]: _judge(row, reference, quality, changes) for row in rows}
    eligible = [row for row in rows if judged[row["cell"]] in ("as_good", "better")]
    return Decision(
        dataset=dataset,
        model=model,
        reference=reference,
        reference_cell=reference_cell,
        quality=quality,
        choices=tuple(_choose_all(eligible, reference, changes)),
        better=tuple(row for row in rows if judged[row["cell"]] == "better"),
        worse=tuple(row for row in rows if judged[row["cell"]] == "worse"),
        unjudged=tuple(row for row in rows if judged[row["cell"]] == "unjudged"),
        rows=tuple(rows),
    )


def _judge(
    row: Row,
    reference: Row | None,
    quality: Quality | None,
    changes: Mapping[str, Mapping[str, Change]],
) -> str:
    """Return how a cell's answers compare with the reference's: this decides its eligibility."""
    if quality is None or reference is None or row is reference:
        return "as_good"
    if reference[quality.value] is None:
        return "as_good" if row[quality.value] is None else "unjudged"
    change = changes.get(row["cell"], {}).get("quality")
    if change is None:
        return "unjudged"
    if not change.differs:
        return "as_good"
    return "better" if (change.value > 0) == quality.higher_is_better else "worse"


def _choose_all(
    eligible: Sequence[Row], reference: Row | None, changes: Mapping[str, Mapping[str, Change]]
) -> Iterable[Choice]:
    for aim, name in _COST_OF.items():
        costs = [(row, cost) for row in eligible if (cost := COSTS[name](row)) is not None]
        if not costs:
            continue
        best, cost = min(costs, key=_get_value)
        alike = tuple(row for row, other in costs if row is not best and _overlap(cost, other))
        yield _choose(aim, best, alike, reference, changes, name)
    names = [name for name in COSTS if all(COSTS[name](row) is not None for row in eligible)]
    if eligible and len(names) > 1:
        points = [[cost.value for name in names if (cost := COSTS[name](row))] for row in eligible]
        best = eligible[find_knee(points)]
        own = changes.get(best["cell"], {})
        differing = [name for name in names if name in own and own[name].differs is not False]
        yield _choose(Aim.KNEE, best, (), reference, changes, (differing or names)[0])


def _choose(
    aim: Aim,
    best: Row,
    alike: tuple[Row, ...],
    reference: Row | None,
    changes: Mapping[str, Mapping[str, Change]],
    name: str,
) -> Choice:
    """Choose the best cell, or the reference where the best cell is not better beyond the noise."""
    own = changes.get(best["cell"], {})
    change = own.get(name)
    if reference is None or best is reference or change is None or change.differs is not False:
        return Choice(aim, best, own, best is reference, None, alike)
    rest = tuple(row for row in alike if row is not reference)
    return Choice(aim, reference, {}, True, (best, change), rest)


def _compare_figures(difference: Row, quality: Quality | None) -> dict[str, Change]:
    changes = {}
    for name, suffix in _SUFFIXES.items():
        base = difference[f"{name}_base{suffix}"]
        if base and difference[f"{name}_difference{suffix}"] is not None:
            changes[name] = _compare_figure(difference, name, suffix, base)
    if quality is not None and difference[f"{quality.prefix}_difference"] is not None:
        changes["quality"] = _compare_figure(difference, quality.prefix, "", 1.0)
    return changes


def _compare_figure(difference: Row, name: str, suffix: str, unit: float) -> Change:
    value, low, high = (difference[f"{name}_difference{end}{suffix}"] for end in _ENDS)
    return Change(
        value=value / unit,
        low=None if low is None else low / unit,
        high=None if high is None else high / unit,
        differs=difference[f"{name}_differs"],
    )


_ENDS = ("", "_low", "_high")


def _get_interval(row: Row, value: str, low: str, high: str) -> Interval | None:
    if row[value] is None or not math.isfinite(row[value]) or row[value] <= 0:
        return None
    ends = [row[value] if row[end] is None else row[end] for end in (low, high)]
    return Interval(row[value], *ends)


def _overlap(interval: Interval, other: Interval) -> bool:
    return interval.low <= other.high and other.low <= interval.high


def _get_value(row_and_cost: tuple[Row, Interval]) -> float:
    return row_and_cost[1].value
