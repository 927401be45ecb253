"""Which setting to deploy: the best cells of each data set and model, against the base config.

A cell is eligible when it does not answer worse than the reference beyond the noise. Among those,
one is named for each aim. Data sets are never averaged.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from vlmeter.record import Status
from vlmeter.reporting.frames import Differences, Row

Plain = Mapping[str, Any]


class Aim(StrEnum):
    """What a setting may be best for."""

    LATENCY = "latency"
    """Seconds of one batch: how soon an answer is there."""
    THROUGHPUT = "throughput"
    """Samples per second: how soon a pile of work is done."""
    ENERGY = "energy"
    """Joules per sample."""
    KNEE = "knee"
    """All three at once: the cell of their Pareto front that is nearest to the best of each."""


class Interval(NamedTuple):
    """A figure with the ends of its 95 % interval, which are the figure where there is none."""

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
    """Beyond the noise; None where that cannot be told."""


class Quality(NamedTuple):
    """The figure that says how well a group's cells answer."""

    prefix: str
    """Of its columns: task or wer."""
    value: str
    """The column of its value."""
    label: str
    higher_is_better: bool


@dataclass(frozen=True)
class Choice:
    """The setting that is best for an aim."""

    aim: Aim
    row: Row
    changes: Mapping[str, Change]
    """By figure: latency, sample_time, energy and quality, as far as they can be compared."""
    is_reference: bool
    """Whether the reference itself is named: nothing is better beyond the noise."""
    challenger: tuple[Row, Change] | None
    """What has the best figure then, though not beyond the noise."""
    alike: tuple[Row, ...]
    """Other eligible cells whose intervals overlap the chosen one's."""


@dataclass(frozen=True)
class Decision:
    """What is best on one data set with one model."""

    dataset: str
    model: str
    reference: Row | None
    """What the others are compared with; None where it has no figures."""
    reference_cell: str
    quality: Quality | None
    """None where no cell's quality was measured."""
    choices: tuple[Choice, ...]
    better: tuple[Row, ...]
    """Eligible cells that answer better than the reference beyond the noise."""
    worse: tuple[Row, ...]
    """Measured cells that answer worse beyond the noise, and are not eligible for that."""
    unjudged: tuple[Row, ...]
    """Measured cells whose answers cannot be compared, and are not eligible for that."""
    rows: tuple[Row, ...]
    """All measured cells."""


def latency(row: Row) -> Interval | None:
    """Return the seconds of one batch."""
    return _interval(row, "latency", "latency_low_s", "latency_high_s")


def sample_time(row: Row) -> Interval | None:
    """Return the seconds per sample of a batch."""
    found = latency(row)
    return None if found is None else Interval(*(one / row["batch_size"] for one in found))


def energy(row: Row) -> Interval | None:
    """Return the joules per sample."""
    return _interval(row, "energy", "energy_low_j", "energy_high_j")


COSTS: Mapping[str, Callable[[Row], Interval | None]] = {
    "latency": latency,
    "sample_time": sample_time,
    "energy": energy,
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
        references: The id of the cell that a data set's and model's cells are compared with.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        measured = row["status"] == Status.OK and row["latency"] is not None
        groups.setdefault((row["dataset"], row["model"]), []).extend([row] if measured else [])
    return [
        _decision(dataset, model, group, differences, references.get(dataset, {}).get(model, ""))
        for (dataset, model), group in groups.items()
    ]


def front(costs: Sequence[Sequence[float]]) -> list[int]:
    """Return the places of the points that no other is at least as low as everywhere, and lower."""
    points = np.asarray(costs, dtype=np.float64).reshape(len(costs), -1)
    return [
        place
        for place, point in enumerate(points)
        if not ((points <= point).all(axis=1) & (points < point).any(axis=1)).any()
    ]


def knee(costs: Sequence[Sequence[float]]) -> int:
    """Return the place of the front's point that is nearest to the lowest of every cost.

    Distances are Euclidean over logarithms, each cost scaled to its range on the front, so that
    neither its unit nor its size matters. The first wins a tie.
    """
    places = front(costs)
    logs = np.log(np.asarray(costs, dtype=np.float64)[places])
    span = np.ptp(logs, axis=0)
    scaled = (logs - logs.min(axis=0)) / np.where(span > 0, span, 1.0)
    return places[int(np.argmin((scaled**2).sum(axis=1)))]


def quality_of(rows: Sequence[Row]) -> Quality | None:
    """Return the figure by which cells are judged: the task's own, else the word error rate."""
    for row in rows:
        if row["task_value"] is not None and row["task_higher_is_better"] is not None:
            label = str(row["task_metric_label"])
            return Quality("task", "task_value", label, bool(row["task_higher_is_better"]))
    if any(row["wer_value"] is not None for row in rows):
        return Quality("wer", "wer_value", "WER", False)
    return None


def _decision(
    dataset: str, model: str, rows: Sequence[Row], differences: Differences, reference_cell: str
) -> Decision:
    reference = next((row for row in rows if row["cell"] == reference_cell), None)
    quality = quality_of(rows)
    found = {
        row["cell"]: differences.get((dataset, row["cell"], reference_cell))
        for row in rows
        if reference is not None and row is not reference
    }
    changes = {cell: _changes(row, quality) for cell, row in found.items() if row is not None}
    judged = {row["cell"]: _judged(row, reference, quality, changes) for row in rows}
    eligible = [row for row in rows if judged[row["cell"]] in ("as_good", "better")]
    return Decision(
        dataset=dataset,
        model=model,
        reference=reference,
        reference_cell=reference_cell,
        quality=quality,
        choices=tuple(_choices(eligible, reference, changes)),
        better=tuple(row for row in rows if judged[row["cell"]] == "better"),
        worse=tuple(row for row in rows if judged[row["cell"]] == "worse"),
        unjudged=tuple(row for row in rows if judged[row["cell"]] == "unjudged"),
        rows=tuple(rows),
    )


def _judged(
    row: Row,
    reference: Row | None,
    quality: Quality | None,
    changes: Mapping[str, Mapping[str, Change]],
) -> str:
    """Say how a cell's answers are, which decides whether it may be named."""
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


def _choices(
    eligible: Sequence[Row], reference: Row | None, changes: Mapping[str, Mapping[str, Change]]
) -> Iterable[Choice]:
    for aim, name in _COST_OF.items():
        known = [(row, cost) for row in eligible if (cost := COSTS[name](row)) is not None]
        if not known:
            continue
        best, cost = min(known, key=_by_value)
        alike = tuple(row for row, other in known if row is not best and _overlap(cost, other))
        yield _choice(aim, best, alike, reference, changes, name)
    names = [name for name in COSTS if all(COSTS[name](row) is not None for row in eligible)]
    if eligible and len(names) > 1:
        points = [[one.value for name in names if (one := COSTS[name](row))] for row in eligible]
        best = eligible[knee(points)]
        own = changes.get(best["cell"], {})
        differing = [name for name in names if name in own and own[name].differs is not False]
        yield _choice(Aim.KNEE, best, (), reference, changes, (differing or names)[0])


def _choice(
    aim: Aim,
    best: Row,
    alike: tuple[Row, ...],
    reference: Row | None,
    changes: Mapping[str, Mapping[str, Change]],
    name: str,
) -> Choice:
    """Name the best cell, or the reference where it is not better beyond the noise."""
    own = changes.get(best["cell"], {})
    change = own.get(name)
    if reference is None or best is reference or change is None or change.differs is not False:
        return Choice(aim, best, own, best is reference, None, alike)
    rest = tuple(row for row in alike if row is not reference)
    return Choice(aim, reference, {}, True, (best, change), rest)


def _changes(difference: Row, quality: Quality | None) -> dict[str, Change]:
    found = {}
    for name, suffix in _SUFFIXES.items():
        base = difference[f"{name}_base{suffix}"]
        if base and difference[f"{name}_difference{suffix}"] is not None:
            found[name] = _change(difference, name, suffix, base)
    if quality is not None and difference[f"{quality.prefix}_difference"] is not None:
        found["quality"] = _change(difference, quality.prefix, "", 1.0)
    return found


def _change(difference: Row, name: str, suffix: str, unit: float) -> Change:
    value, low, high = (difference[f"{name}_difference{end}{suffix}"] for end in _ENDS)
    return Change(
        value=value / unit,
        low=None if low is None else low / unit,
        high=None if high is None else high / unit,
        differs=difference[f"{name}_differs"],
    )


_ENDS = ("", "_low", "_high")


def _interval(row: Row, value: str, low: str, high: str) -> Interval | None:
    if row[value] is None or not math.isfinite(row[value]) or row[value] <= 0:
        return None
    ends = [row[value] if row[end] is None else row[end] for end in (low, high)]
    return Interval(row[value], *ends)


def _overlap(one: Interval, other: Interval) -> bool:
    return one.low <= other.high and other.low <= one.high


def _by_value(known: tuple[Row, Interval]) -> float:
    return known[1].value
