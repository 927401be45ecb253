"""Scores predictions with every metric of a task, and says which samples could not be scored."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlmeter.errors import UserError
from vlmeter.metrics.base import Contributions, Example, Metric, Score, Statistic
from vlmeter.metrics.registry import TASK_METRICS
from vlmeter.metrics.uncertainty import CONFIDENCE, bootstrap


@dataclass(frozen=True)
class Figure:
    """A metric's value over the data set with its interval."""

    name: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    higher_is_better: bool | None
    scored: int
    """Samples behind the value."""
    note: str | None = None


@dataclass(frozen=True)
class BadSample:
    """A sample which some metrics could not score."""

    id: str
    reason: str
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A figure's per-sample values and weights; None for samples that were not scored.

    The figure is the weighted mean of the values, or their median: `statistic` says which.
    """

    name: str
    values: list[float | None]
    weights: list[float | None]
    statistic: Statistic


@dataclass(frozen=True)
class Evaluation:
    """All quality figures of one cell."""

    figures: tuple[Figure, ...]
    bad_samples: tuple[BadSample, ...]
    columns: tuple[Column, ...]
    """In the order of the figures; each as long as the examples."""
    scored: int
    """Samples that every metric which suits the data set could score."""
    definition: str

    def value_of(self, name: str) -> float | None:
        """Return the value of a figure by its name.

        Raises:
            KeyError: the task has no such figure.
        """
        return {figure.name: figure.value for figure in self.figures}[name]


def metrics_of(task: str) -> tuple[Metric, ...]:
    """Return the metrics of a task.

    Raises:
        UserError: there is no such task.
    """
    try:
        return TASK_METRICS[task]
    except KeyError:
        known = ", ".join(sorted(TASK_METRICS))
        raise UserError(f"Task {task!r} is not known: use one of {known}.") from None


def evaluate(task: str, examples: Sequence[Example], *, seed: int, resamples: int) -> Evaluation:
    """Score predictions with every metric of `task`.

    Args:
        task: caption, vqa, multiple_choice or ocr.
        examples: samples with their predictions; without any, figures have no value but a name.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        UserError: there is no such task.
    """
    metrics = metrics_of(task)
    figures: list[Figure] = []
    columns: list[Column] = []
    problems: dict[tuple[int, str], list[str]] = {}
    for metric in metrics:
        unsuited = metric.unsuited(examples)
        reasons = [metric.problem(example) for example in examples]
        usable = [position for position, reason in enumerate(reasons) if not reason]
        if unsuited:
            usable = []
        else:
            for position, reason in enumerate(reasons):
                if reason:
                    problems.setdefault((position, reason), []).append(metric.name)
        for score in metric.scores([examples[position] for position in usable]):
            figures.append(_figure(score, unsuited, seed=seed, resamples=resamples))
            columns.append(_column(score, usable, len(examples)))
    return Evaluation(
        figures=tuple(figures),
        bad_samples=tuple(
            BadSample(examples[position].id, reason, tuple(names))
            for (position, reason), names in sorted(problems.items())
        ),
        columns=tuple(columns),
        scored=len(examples) - len({position for position, _ in problems}),
        definition=" ".join(
            [
                *(metric.definition for metric in metrics),
                f"Intervals: {CONFIDENCE:.0%} bootstrap over samples, {resamples} resamples.",
            ]
        ),
    )


def _figure(score: Score, unsuited: str | None, *, seed: int, resamples: int) -> Figure:
    contributions = score.contributions
    if not len(contributions):
        note = unsuited or "no sample could be scored"
        return Figure(score.name, score.label, None, None, None, score.higher_is_better, 0, note)
    interval = bootstrap(contributions, seed=seed, resamples=resamples)
    notes = [score.note, _doubt(contributions)]
    return Figure(
        score.name,
        score.label,
        interval.estimate,
        interval.low,
        interval.high,
        score.higher_is_better,
        len(contributions),
        "; ".join(note for note in notes if note) or None,
    )


def _doubt(contributions: Contributions) -> str | None:
    """Say where an interval over samples cannot show the uncertainty."""
    if len(contributions) == 1:
        return "one sample: no interval"
    values = contributions.per_sample
    if (values == values[0]).all():
        return "all samples score the same: the interval has no width, not the uncertainty"
    return None


def _column(score: Score, usable: Sequence[int], length: int) -> Column:
    values: list[float | None] = [None] * length
    weights: list[float | None] = [None] * length
    contributions = score.contributions
    for position, value, weight in zip(
        usable, contributions.per_sample, contributions.denominator, strict=True
    ):
        values[position] = float(value)
        weights[position] = float(weight)
    return Column(score.name, values, weights, contributions.statistic)
