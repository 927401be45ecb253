"""What a metric is: the one interface behind which every quality figure stands."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Floats = Sequence[float] | FloatArray


@dataclass(frozen=True)
class Example:
    """One sample beside the model's prediction for it."""

    id: str
    prediction: str
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    answer_index: int | None = None
    """Position of the right option in `choices`."""
    option_scores: tuple[float, ...] | None = None
    """Log-likelihood of each option, higher is likelier; None where the model gave none."""


class Statistic(StrEnum):
    """How per-sample contributions become one figure."""

    RATIO = "ratio"
    """Sum of numerators over sum of denominators: a mean where all denominators are 1."""
    MEDIAN = "median"
    """Median of the per-sample quotients."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each sample adds to a figure, so that a bootstrap resamples without scoring again."""

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
        """The figure of each sample on its own."""
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
    """Contributions to a figure that divides two sums."""
    return Contributions(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )


def mean(values: Floats) -> Contributions:
    """Contributions to a figure that is the mean of per-sample values."""
    return ratio(values, [1.0] * len(values))


def median(values: Floats) -> Contributions:
    """Contributions to a figure that is the median of per-sample values."""
    numerator = np.asarray(values, dtype=np.float64)
    return Contributions(numerator, np.ones_like(numerator), Statistic.MEDIAN)


@dataclass(frozen=True, eq=False)
class Score:
    """One named figure of a metric. A metric may give several, e.g. a rate beside an accuracy."""

    name: str
    label: str
    contributions: Contributions
    higher_is_better: bool | None
    """None for a figure that does not judge the model, such as the random baseline."""
    note: str | None = None


def suits_any(_examples: Collection[Example]) -> None:
    """Say that a metric has no demand on the data set as a whole."""


@dataclass(frozen=True)
class Metric:
    """A way to score predictions: one module each, listed in `registry.TASK_METRICS`."""

    name: str
    definition: str
    """One sentence for the report: what is computed, and after which normalisation."""
    problem: Callable[[Example], str | None]
    """Why this sample cannot be scored, or None: such a sample is reported by its id."""
    scores: Callable[[Collection[Example]], list[Score]]
    """The figures over samples without a problem. For no samples: the same names, no values.

    The samples are read from disk at each pass over them, so that no more than a few are in memory.
    """
    unsuited: Callable[[Collection[Example]], str | None] = suits_any
    """Why the whole data set cannot be scored, or None: said once instead of per sample."""
