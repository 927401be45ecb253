"""Decides which setting to deploy: the best cells of each data set and model.

A cell is eligible when its answers are not worse than the reference's beyond the noise. For each
aim, an eligible cell is chosen. Data sets are never averaged.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np

from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.difference_row import DifferenceRow, get_difference
from vlmeter.results.outline import References
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences
from vlmeter.status import Status
from vlmeter.storage.layout import DifferenceKey

Cost = Literal["latency", "sample_time", "energy"]
"""A cost by its name in `differences.csv`; less is better."""


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


Changes = Mapping[Cost | Literal["quality"], Difference]
"""How a cell differs from the reference, by figure, where the two can be compared: a share of the
reference's cost, the plain difference of quality.
"""


class Quality(NamedTuple):
    """The figure that says how well a group's cells answer."""

    figure: Literal["task", "wer"]
    """Its name in `differences.csv`."""
    label: str
    higher_is_better: bool


@dataclass(frozen=True)
class Choice:
    """The setting that is best for an aim."""

    aim: Aim
    row: SummaryRow
    changes: Changes
    is_reference: bool
    """Whether the reference itself is chosen, since no cell is better beyond the noise."""
    challenger: tuple[SummaryRow, Difference] | None
    """If so, the cell with the best figure, which is not better beyond the noise."""
    alike: tuple[SummaryRow, ...]
    """Other eligible cells whose intervals overlap the chosen cell's."""


@dataclass(frozen=True)
class Decision:
    """The best settings on a data set with a model."""

    dataset: str
    model: str
    reference: SummaryRow | None
    """The cell that the others are compared with; None where it has no figures."""
    reference_cell: str
    quality: Quality | None
    """None where no cell's quality was measured."""
    choices: tuple[Choice, ...]
    better: tuple[SummaryRow, ...]
    """Eligible cells that answer better than the reference beyond the noise."""
    worse: tuple[SummaryRow, ...]
    """Measured cells that answer worse beyond the noise, and so are not eligible."""
    unjudged: tuple[SummaryRow, ...]
    """Measured cells whose answers cannot be compared, and so are not eligible."""
    rows: tuple[SummaryRow, ...]
    """All measured cells."""


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


def get_quality(row: SummaryRow, quality: Quality) -> Interval | None:
    """Return the figure that says how well a cell answers."""
    if quality.figure == "task":
        return _make_interval(row.task_value, row.task_low, row.task_high)
    return get_wer(row)


COSTS: Mapping[Cost, Callable[[SummaryRow], Interval | None]] = {
    "latency": get_latency,
    "sample_time": get_sample_time,
    "energy": get_energy,
}
COST_OF: Mapping[Aim, Cost] = {
    Aim.LATENCY: "latency",
    Aim.THROUGHPUT: "sample_time",
    Aim.ENERGY: "energy",
}


def decide(
    rows: Iterable[SummaryRow], differences: Differences, references: References
) -> list[Decision]:
    """Return the best settings of each data set and model, in the order of the rows.

    Args:
        rows: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        references: Id of the reference cell, by data set and model.
    """
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        measured = row.status == Status.OK and row.latency is not None
        groups.setdefault((row.dataset, row.model), []).extend([row] if measured else [])
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


def choose_quality(rows: Sequence[SummaryRow]) -> Quality | None:
    """Return the figure that judges the cells: the task's metric, else the word error rate."""
    for row in rows:
        if row.task_value is not None and row.task_higher_is_better is not None:
            label = str(row.task_metric_label)
            return Quality("task", label, row.task_higher_is_better)
    if any(row.wer_value is not None for row in rows):
        return Quality("wer", "WER", False)
    return None


def _decide_group(
    dataset: str,
    model: str,
    rows: Sequence[SummaryRow],
    differences: Differences,
    reference_cell: str,
) -> Decision:
    reference = next((row for row in rows if row.cell == reference_cell), None)
    quality = choose_quality(rows)
    compared = {
        row.cell: differences.get(DifferenceKey(dataset, row.cell, reference_cell))
        for row in rows
        if reference is not None and row is not reference
    }
    changes = {
        cell: _compare_figures(row, quality) for cell, row in compared.items() if row is not None
    }
    judged = {row.cell: _judge(row, reference, quality, changes) for row in rows}
    eligible = [row for row in rows if judged[row.cell] in ("as_good", "better")]
    return Decision(
        dataset=dataset,
        model=model,
        reference=reference,
        reference_cell=reference_cell,
        quality=quality,
        choices=tuple(_choose_all(eligible, reference, changes)),
        better=tuple(row for row in rows if judged[row.cell] == "better"),
        worse=tuple(row for row in rows if judged[row.cell] == "worse"),
        unjudged=tuple(row for row in rows if judged[row.cell] == "unjudged"),
        rows=tuple(rows),
    )


def _judge(
    row: SummaryRow,
    reference: SummaryRow | None,
    quality: Quality | None,
    changes: Mapping[str, Changes],
) -> str:
    """Return how a cell's answers compare with the reference's: this decides its eligibility."""
    if quality is None or reference is None or row is reference:
        return "as_good"
    if get_quality(reference, quality) is None:
        return "as_good" if get_quality(row, quality) is None else "unjudged"
    change = changes.get(row.cell, {}).get("quality")
    if change is None:
        return "unjudged"
    if not change.significant:
        return "as_good"
    return "better" if (change.estimate > 0) == quality.higher_is_better else "worse"


def _choose_all(
    eligible: Sequence[SummaryRow], reference: SummaryRow | None, changes: Mapping[str, Changes]
) -> Iterable[Choice]:
    for aim, name in COST_OF.items():
        costs = [(row, cost) for row in eligible if (cost := COSTS[name](row)) is not None]
        if not costs:
            continue
        best, cost = min(costs, key=_get_value)
        # No cost is less, so an interval that begins within the best cell's overlaps it.
        alike = tuple(row for row, other in costs if row is not best and other.low <= cost.high)
        yield _choose(aim, best, alike, reference, changes, name)
    names = [name for name in COSTS if all(COSTS[name](row) is not None for row in eligible)]
    if eligible and len(names) > 1:
        points = [[cost.value for name in names if (cost := COSTS[name](row))] for row in eligible]
        best = eligible[find_knee(points)]
        own = changes.get(best.cell, {})
        differing = [name for name in names if name in own and not own[name].within_noise]
        yield _choose(Aim.KNEE, best, (), reference, changes, (differing or names)[0])


def _choose(
    aim: Aim,
    best: SummaryRow,
    alike: tuple[SummaryRow, ...],
    reference: SummaryRow | None,
    changes: Mapping[str, Changes],
    name: Cost,
) -> Choice:
    """Choose the best cell, or the reference where the best cell is not better beyond the noise."""
    own = changes.get(best.cell, {})
    change = own.get(name)
    if reference is None or best is reference or change is None or not change.within_noise:
        return Choice(aim, best, own, best is reference, None, alike)
    rest = tuple(row for row in alike if row is not reference)
    return Choice(aim, reference, {}, True, (best, change), rest)


def _compare_figures(row: DifferenceRow, quality: Quality | None) -> Changes:
    changes: dict[Cost | Literal["quality"], Difference] = {}
    for cost in COSTS:
        compared = get_difference(row, cost)
        if compared is not None and compared.base:
            changes[cost] = compared.difference.as_share_of(compared.base)
    compared = None if quality is None else get_difference(row, quality.figure)
    if compared is not None:
        changes["quality"] = compared.difference
    return changes


def _make_cost(value: float | None, low: float | None, high: float | None) -> Interval | None:
    if value is None or not math.isfinite(value) or value <= 0:
        return None
    return _make_interval(value, low, high)


def _make_interval(value: float | None, low: float | None, high: float | None) -> Interval | None:
    if value is None:
        return None
    return Interval(value, value if low is None else low, value if high is None else high)


def _get_value(row_and_cost: tuple[SummaryRow, Interval]) -> float:
    return row_and_cost[1].value
