"""The interface of all metrics: from examples to figures with the contribution of each sample."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Floats = Sequence[float] | FloatArray


@dataclass(frozen=True)
class Example:
    """A sample with the model's prediction for it."""

    id: str
    prediction: str
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    answer_index: int | None = None
    """Position of the right option in `choices`."""
    option_scores: tuple[float, ...] | None = None
    """Log-likelihood of each option; None if the model computed none."""


class Statistic(StrEnum):
    """How the contributions of the samples form a figure."""

    RATIO = "ratio"
    """Sum of numerators over sum of denominators: the mean if all denominators are 1."""
    MEDIAN = "median"
    """Median of the samples' quotients."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each sample contributes to a figure; a bootstrap resamples it without scoring again."""

    numerator: FloatArray
    denominator: FloatArray
    """Positive for every sample."""
    statistic: Statistic = Statistic.RATIO

    def __post_init__(self) -> None:
        if self.numerator.shape != self.denominator.shape or self.numerator.ndim != 1:
            raise ValueError("numerator and denominator must be two equally long rows")
        if not np.isfinite(self.numerator).all() or not (self.denominator > 0).all():
            raise ValueError("contributions must be finite, over positive denominators")

    def __len__(self) -> int:
        return len(self.numerator)

    @property
    def per_sample(self) -> FloatArray:
        """The figure of each sample."""
        return self.numerator / self.denominator

    @property
    def value(self) -> float:
        """The figure over all samples.

        Raises:
            ValueError: there is no sample.
        """
        if not len(self):
            raise ValueError("no sample contributes to this figure")
        if self.statistic is Statistic.MEDIAN:
            return float(np.median(self.per_sample))
        return float(self.numerator.sum() / self.denominator.sum())


def ratio(numerator: Floats, denominator: Floats) -> Contributions:
    """Return the contributions to a figure that is the quotient of two sums."""
    return Contributions(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )


def mean(values: Floats) -> Contributions:
    """Return the contributions to a figure that is the mean of the samples' values."""
    return ratio(values, [1.0] * len(values))


def median(values: Floats) -> Contributions:
    """Return the contributions to a figure that is the median of the samples' values."""
    numerator = np.asarray(values, dtype=np.float64)
    return Contributions(numerator, np.ones_like(numerator), Statistic.MEDIAN)


@dataclass(frozen=True, eq=False)
class Score:
    """A named figure of a metric. A metric may have several, such as an accuracy and a rate."""

    name: str
    label: str
    contributions: Contributions
    higher_is_better: bool | None
    """None for a figure that does not rate the model, such as the random baseline."""
    note: str | None = None
    counts_right: bool = False
    """Whether a sample scores 1 for a right answer, 0 for a wrong one, and parts of 1 between."""


def accept_any(_examples: Collection[Example]) -> None:
    """Accept every data set: most metrics have no requirement on the data set as a whole."""


@dataclass(frozen=True)
class Metric:
    """A way to score predictions. Each has a module and is listed in `registry.TASK_METRICS`."""

    name: str
    definition: str
    """A sentence for the report: what is computed, and after which normalisation."""
    problem: Callable[[Example], str | None]
    """Returns why a sample cannot be scored, or None. Such a sample is reported by its id."""
    scores: Callable[[Collection[Example]], list[Score]]
    """Returns the figures over samples without a problem; without samples the same ones, empty.

    Each pass over the samples reads them from disk, so that only a few are in memory.
    """
    unsuited: Callable[[Collection[Example]], str | None] = accept_any
    """Returns why the whole data set cannot be scored, or None; reported once, not per sample."""
