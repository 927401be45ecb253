"""Intervals of figures over samples, by a bootstrap, and of differences between them.

Nothing here depends on a metric: the input is what each sample contributes.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from vlmeter.measure.student_t import compute_t_quantile
from vlmeter.metrics.base import Contributions, FloatArray, Statistic

CONFIDENCE = 0.95
RESAMPLES = 1000
_CHUNK_DRAWS = 1 << 20
"""Draws in memory at once: 8 MiB of indices and twice that of values."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it; the bounds are None if there is a single value."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """By how much a figure exceeds another, and the interval of that difference."""

    estimate: float
    low: float | None
    high: float | None

    @property
    def significant(self) -> bool:
        """Whether the interval excludes zero; False without an interval."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0

    @property
    def within_noise(self) -> bool:
        """Whether the interval holds zero; False without an interval."""
        return self.low is not None and not self.significant

    def as_share_of(self, base: float) -> "Difference":
        """Return the difference as a share of a figure."""
        low, high = (None if end is None else end / base for end in (self.low, self.high))
        return Difference(self.estimate / base, low, high)


def bootstrap(
    contributions: Contributions,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return a figure with its bootstrap percentile interval over samples.

    Samples are drawn with replacement (Efron and Tibshirani, 1993, chapter 13). The percentiles
    are widened for small samples as Hesterberg, 2015, "What Teachers Should Know About the
    Bootstrap", section 5.3, proposes, and the interval always contains the estimate.

    Args:
        contributions: what each sample adds to the figure; numerator and denominator are
            resampled together.
        seed: seed of the random stream; the same seed draws the same samples.
        resamples: number of resamples.
        confidence: share of such intervals that contain the true value.

    Raises:
        ValueError: there is no sample, or no resample.
    """
    resampled = resample(contributions, seed=seed, resamples=resamples)
    value, count = resampled.value, resampled.samples
    if count == 1:
        return Interval(value, None, None)
    low, high = _compute_percentiles(resampled.figures, value, count, confidence)
    return Interval(value, low, high)


def compute_difference(
    a: Contributions,
    b: Contributions,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference:
    """Return by how much figure `a` exceeds `b` over the same samples, by a paired bootstrap.

    Each resample draws the same samples for both, so the difficulty of samples cancels out.

    Args:
        a: contributions of a cell.
        b: contributions of another cell, for the same samples in the same order.
        seed: seed of the random stream.
        resamples: number of resamples.
        confidence: share of such intervals that contain the true difference.

    Raises:
        ValueError: the two are not equally long, or empty.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} samples cannot be paired with {len(b)}")
    resampled = [resample(figure, seed=seed, resamples=resamples) for figure in (a, b)]
    return compute_resampled_difference(*resampled, confidence=confidence)


@dataclass(frozen=True, eq=False)
class Resampled:
    """A figure and its values in the resamples, kept for comparisons with several other figures."""

    value: float
    samples: int
    figures: FloatArray
    """A value per resample; empty if there is a single sample."""


def resample(contributions: Contributions, *, seed: int, resamples: int = RESAMPLES) -> Resampled:
    """Return a figure with its values in the resamples.

    All figures over the same number of samples have the same resamples.

    Args:
        contributions: what each sample adds to the figure.
        seed: seed of the random stream.
        resamples: number of resamples.

    Raises:
        ValueError: there is no sample, or no resample.
    """
    value, count = contributions.value, len(contributions)
    if count == 1:
        return Resampled(value, count, np.empty(0))
    return Resampled(value, count, _resample_figures(contributions, seed, resamples))


def compute_resampled_difference(
    a: Resampled, b: Resampled, *, confidence: float = CONFIDENCE
) -> Difference:
    """Return the difference `a` - `b` of figures with the same samples and resamples."""
    estimate = a.value - b.value
    if a.samples == 1:
        return Difference(estimate, None, None)
    low, high = _compute_percentiles(a.figures - b.figures, estimate, a.samples, confidence)
    return Difference(estimate, low, high)


def _draw_blocks(count: int, seed: int, resamples: int) -> Iterable[npt.NDArray[np.int64]]:
    """Return blocks of resamples; a row holds the positions of `count` drawn samples."""
    if resamples < 1:
        raise ValueError("a bootstrap needs at least one resample")
    if count * resamples > _CHUNK_DRAWS:
        return _generate_blocks(count, seed, resamples)
    return _cache_blocks(count, seed, resamples)


def _generate_blocks(count: int, seed: int, resamples: int) -> Iterator[npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK_DRAWS // count)
    for start in range(0, resamples, rows):
        yield generator.integers(0, count, size=(min(rows, resamples - start), count))


@lru_cache(maxsize=2)
def _cache_blocks(count: int, seed: int, resamples: int) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the blocks of `_generate_blocks`, cached: drawing takes longer than the sums."""
    return tuple(_generate_blocks(count, seed, resamples))


def _resample_figures(contributions: Contributions, seed: int, resamples: int) -> FloatArray:
    """Return the figure of each resample."""
    count = len(contributions)
    if contributions.statistic is Statistic.MEDIAN:
        values = contributions.per_sample
        blocks = _draw_blocks(count, seed, resamples)
        return np.concatenate([np.median(values[draws], axis=1) for draws in blocks])
    weights = _sum_denominators(contributions.denominator.tobytes(), seed, resamples)
    quotients: FloatArray = _sum_draws(contributions.numerator, seed, resamples) / weights
    return quotients


def _sum_draws(values: FloatArray, seed: int, resamples: int) -> FloatArray:
    blocks = _draw_blocks(len(values), seed, resamples)
    return np.concatenate([values[draws].sum(axis=1) for draws in blocks])


@lru_cache(maxsize=16)
def _sum_denominators(values: bytes, seed: int, resamples: int) -> FloatArray:
    """Return the sum of each resample's denominators; cached, since most cells share them."""
    return _sum_draws(np.frombuffer(values, dtype=np.float64), seed, resamples)


def _compute_percentiles(
    figures: FloatArray, estimate: float, count: int, confidence: float
) -> tuple[float, float]:
    tail = NormalDist().cdf(
        -math.sqrt(count / (count - 1)) * compute_t_quantile((1 + confidence) / 2, count - 1)
    )
    # Ranks out of resamples + 1 (Davison and Hinkley, 1997, section 5.3.1): others give too narrow
    # intervals.
    low, high = np.quantile(figures, [tail, 1 - tail], method="weibull")
    return min(float(low), estimate), max(float(high), estimate)
