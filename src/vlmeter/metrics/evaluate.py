"""Scores predictions with every metric of a task and lists the samples that cannot be scored."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlmeter.errors import UserError
from vlmeter.metrics.base import Contributions, Example, FloatArray, Metric, Score, Statistic
from vlmeter.metrics.figure import BadSample, Figure
from vlmeter.metrics.registry import TASK_METRICS
from vlmeter.metrics.uncertainty import CONFIDENCE, bootstrap


@dataclass(frozen=True, eq=False)
class Column:
    """A figure's per-sample values and weights; NaN for samples that were not scored.

    The figure is the weighted mean of the values, or their median: `statistic` says which.
    """

    name: str
    values: FloatArray
    weights: FloatArray
    statistic: Statistic


@dataclass(frozen=True)
class Evaluation:
    """All quality figures of a cell."""

    figures: tuple[Figure, ...]
    bad_samples: tuple[BadSample, ...]
    columns: tuple[Column, ...]
    """In the order of the figures; each has a value for every example."""
    scored: int
    """Samples that were scored by every metric that suits the data set."""
    definition: str

    def value_of(self, name: str) -> float | None:
        """Return the value of a figure by its name.

        Raises:
            KeyError: the task has no such figure.
        """
        return {figure.name: figure.value for figure in self.figures}[name]


def select_metrics(task: str) -> tuple[Metric, ...]:
    """Return the metrics of a task.

    Raises:
        UserError: there is no such task.
    """
    try:
        return TASK_METRICS[task]
    except KeyError:
        tasks = ", ".join(sorted(TASK_METRICS))
        raise UserError(f"Task {task!r} is not known: use one of {tasks}.") from None


def evaluate(task: str, examples: Collection[Example], *, seed: int, resamples: int) -> Evaluation:
    """Score predictions with every metric of `task`.

    Args:
        task: caption, vqa, multiple_choice or ocr.
        examples: samples with their predictions; without any, the figures have no values.
        seed: seed of the bootstrap.
        resamples: number of resamples.

    Raises:
        UserError: there is no such task.
    """
    metrics = select_metrics(task)
    suitability = _judge(metrics, examples)
    figures: list[Figure] = []
    columns: list[Column] = []
    for metric, usable, unsuited in zip(
        metrics, suitability.usable, suitability.unsuited, strict=True
    ):
        for score in metric.scores(_Usable(examples, usable)):
            figures.append(_build_figure(score, unsuited, seed=seed, resamples=resamples))
            columns.append(_build_column(score, usable))
    return Evaluation(
        figures=tuple(figures),
        bad_samples=suitability.bad,
        columns=tuple(columns),
        scored=len(examples) - len({sample.id for sample in suitability.bad}),
        definition=" ".join(
            [
                *(metric.definition for metric in metrics),
                f"Intervals: {CONFIDENCE:.0%} bootstrap over samples, {resamples} resamples.",
            ]
        ),
    )


class _Suitability(NamedTuple):
    """The samples that each metric can score."""

    usable: list[npt.NDArray[np.bool_]]
    """By metric: True for each sample that it can score."""
    unsuited: list[str | None]
    """By metric: why it cannot score the data set at all, or None."""
    bad: tuple[BadSample, ...]


def _judge(metrics: Sequence[Metric], examples: Collection[Example]) -> _Suitability:
    """Check every sample with every metric, in a single pass over the samples."""
    unsuited = [metric.unsuited(examples) for metric in metrics]
    usable = [np.zeros(len(examples), dtype=np.bool_) for _ in metrics]
    bad: list[BadSample] = []
    for position, example in enumerate(examples):
        problems: dict[str, list[str]] = {}
        for metric, mismatch, flags in zip(metrics, unsuited, usable, strict=True):
            reason = None if mismatch else metric.problem(example)
            flags[position] = not (mismatch or reason)
            if reason:
                problems.setdefault(reason, []).append(metric.name)
        bad.extend(
            BadSample(example.id, reason, tuple(names))
            for reason, names in sorted(problems.items())
        )
    return _Suitability(usable, unsuited, tuple(bad))


class _Usable(Collection[Example]):
    """The samples that a metric can score."""

    def __init__(self, examples: Collection[Example], usable: npt.NDArray[np.bool_]) -> None:
        self._examples, self._usable = examples, usable

    def __len__(self) -> int:
        return int(self._usable.sum())

    def __contains__(self, example: object) -> bool:
        return any(example == other for other in self)

    def __iter__(self) -> Iterator[Example]:
        return compress(self._examples, self._usable)


def _build_figure(score: Score, unsuited: str | None, *, seed: int, resamples: int) -> Figure:
    contributions = score.contributions
    if not len(contributions):
        note = unsuited or "no sample could be scored"
        return Figure(
            score.name,
            score.label,
            None,
            None,
            None,
            score.higher_is_better,
            0,
            note,
            score.counts_right,
        )
    interval = bootstrap(contributions, seed=seed, resamples=resamples)
    notes = [score.note, _note_missing_uncertainty(contributions)]
    return Figure(
        score.name,
        score.label,
        interval.estimate,
        interval.low,
        interval.high,
        score.higher_is_better,
        len(contributions),
        "; ".join(note for note in notes if note) or None,
        score.counts_right,
    )


def _note_missing_uncertainty(contributions: Contributions) -> str | None:
    """Return a note if an interval over samples cannot show the uncertainty, else None."""
    if len(contributions) == 1:
        return "one sample: no interval"
    values = contributions.per_sample
    if (values == values[0]).all():
        return "all samples score the same: the interval has no width, not the uncertainty"
    return None


def _build_column(score: Score, usable: npt.NDArray[np.bool_]) -> Column:
    values, weights = (np.full(len(usable), math.nan) for _ in range(2))
    values[usable] = score.contributions.per_sample
    weights[usable] = score.contributions.denominator
    return Column(score.name, values, weights, score.contributions.statistic)
