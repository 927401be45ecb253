"""Intervals, and whether two figures differ.

Quality is resampled over samples (bootstrap); latency and energy vary from round to round (t).
Nothing here knows a metric: it takes what each sample contributed and never scores again.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist, fmean, stdev

import numpy as np
import numpy.typing as npt

from vlmeter.metrics.base import Contributions, FloatArray, Statistic

CONFIDENCE = 0.95
RESAMPLES = 1000
_CHUNK_DRAWS = 1 << 20
"""Draws held in memory at once: 8 MiB of indices and twice that of values."""
_BISECTIONS = 60


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it; no bounds where one value is all there is."""

    estimate: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """How much a figure exceeds another, and the interval of that difference."""

    estimate: float
    low: float | None
    high: float | None

    @property
    def significant(self) -> bool:
        """Whether the interval excludes zero. Without an interval nothing can be told."""
        if self.low is None or self.high is None:
            return False
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Repeatability:
    """How much a mean over rounds varies between processes that run the same computation."""

    deviation: float
    """Repeatability standard deviation (ISO 5725-1) of such a mean, as a share of it."""
    freedom: int
    """Degrees of freedom behind it: repeated measurements beyond the first of each computation."""


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
    Bootstrap", section 5.3, proposes, and the interval always holds the estimate.

    Args:
        contributions: what each sample adds to the figure; numerator and denominator are
            resampled together.
        seed: of the random stream: the same seed draws the same samples.
        resamples: number of resamples.
        confidence: share of the intervals that are to hold the true value.

    Raises:
        ValueError: there is no sample, or no resample.
    """
    known = resample(contributions, seed=seed, resamples=resamples)
    if known.samples == 1:
        return Interval(known.value, None, None)
    return Interval(
        known.value, *_percentiles(known.figures, known.value, known.samples, confidence)
    )


def difference(
    a: Contributions,
    b: Contributions,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference:
    """Return by how much figure `a` exceeds `b` over the same samples: a paired bootstrap.

    Each resample draws the same samples for both, so what is hard for both cancels out.

    Args:
        a: contributions of one cell.
        b: contributions of another, for the same samples in the same order.
        seed: of the random stream.
        resamples: number of resamples.
        confidence: share of the intervals that are to hold the true difference.

    Raises:
        ValueError: the two are not equally long, or empty.
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} samples cannot be paired with {len(b)}")
    known = [resample(one, seed=seed, resamples=resamples) for one in (a, b)]
    return difference_of_resampled(*known, confidence=confidence)


@dataclass(frozen=True, eq=False)
class Resampled:
    """A figure with what it is in each resample, kept where it is compared with several others."""

    value: float
    samples: int
    figures: FloatArray
    """A value per resample; none where one sample is all there is."""


def resample(contributions: Contributions, *, seed: int, resamples: int = RESAMPLES) -> Resampled:
    """Return a figure under resamples that are the same for each figure over as many samples.

    Args:
        contributions: what each sample adds to the figure.
        seed: of the random stream.
        resamples: number of resamples.

    Raises:
        ValueError: there is no sample, or no resample.
    """
    value, count = contributions.value, len(contributions)
    if count == 1:
        return Resampled(value, count, np.empty(0))
    return Resampled(value, count, _figures(contributions, seed, resamples))


def difference_of_resampled(
    a: Resampled, b: Resampled, *, confidence: float = CONFIDENCE
) -> Difference:
    """Return `difference` of two figures that were resampled alike, over the same samples."""
    estimate = a.value - b.value
    if a.samples == 1:
        return Difference(estimate, None, None)
    ends = _percentiles(a.figures - b.figures, estimate, a.samples, confidence)
    return Difference(estimate, *ends)


def t_interval(rounds: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean over rounds, e.g. of latency, with Student's t interval.

    Raises:
        ValueError: there is no round.
    """
    if not rounds:
        raise ValueError("no round was measured")
    centre = fmean(rounds)
    if len(rounds) == 1:
        return Interval(centre, None, None)
    reach = t_quantile((1 + confidence) / 2, len(rounds) - 1) * _standard_error(tuple(rounds))
    return Interval(centre, centre - reach, centre + reach)


def difference_of_rounds(
    a: Sequence[float],
    b: Sequence[float],
    *,
    repeats: tuple[Repeatability, Repeatability] | None = None,
    confidence: float = CONFIDENCE,
) -> Difference:
    """Return by how much the mean of rounds `a` exceeds that of `b`, with a t interval.

    Rounds follow each other in one process, so their spread (Welch's interval, the degrees of
    freedom rounded down) misses what changes from one process to the next: where memory lies, how
    the clock stands. Where it is known how well measurements repeat, the wider of the two counts.

    Args:
        a: rounds of one cell.
        b: rounds of another.
        repeats: how well measurements of either cell's kind repeat; None where that is not known.
        confidence: share of the intervals that are to hold the true difference.

    Raises:
        ValueError: there is no round in one of them.
    """
    if not a or not b:
        raise ValueError("no round was measured")
    estimate = fmean(a) - fmean(b)
    reaches = []
    if len(a) > 1 and len(b) > 1:
        parts = [(_standard_error(tuple(rounds)) ** 2, len(rounds) - 1) for rounds in (a, b)]
        reaches.append(_reach(parts, confidence))
    if repeats is not None:
        reaches.append(_reach_between_processes((fmean(a), fmean(b)), repeats, confidence))
    if not reaches:
        return Difference(estimate, None, None)
    return Difference(estimate, estimate - max(reaches), estimate + max(reaches))


def repeatability(groups: Sequence[Sequence[float]]) -> Repeatability | None:
    """Return how well means repeat, pooled over groups of the same computation.

    Args:
        groups: the positive means of each computation's measurements, a process each.

    Returns:
        None where no computation was measured twice.
    """
    repeated = [[math.log(mean) for mean in group] for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in repeated)
    if not freedom:
        return None
    squares = math.fsum((mean - fmean(group)) ** 2 for group in repeated for mean in group)
    return Repeatability(math.sqrt(squares / freedom), freedom)


def _reach_between_processes(
    means: tuple[float, float], repeats: tuple[Repeatability, Repeatability], confidence: float
) -> float:
    variances = [(known.deviation * mean) ** 2 for known, mean in zip(repeats, means, strict=True)]
    if repeats[0] == repeats[1]:
        # One estimate serves both: its own uncertainty does not average out.
        return t_quantile((1 + confidence) / 2, repeats[0].freedom) * math.sqrt(sum(variances))
    parts = [(variance, known.freedom) for variance, known in zip(variances, repeats, strict=True)]
    return _reach(parts, confidence)


def _reach(parts: Sequence[tuple[float, int]], confidence: float) -> float:
    """Return the half width of the t interval of a sum of independent variances with freedoms."""
    variance = math.fsum(part for part, _ in parts)
    if variance == 0:
        return 0.0
    freedom = variance**2 / math.fsum(part**2 / degrees for part, degrees in parts)
    # Rounding down would lose a whole degree where the exact value is an integer.
    return t_quantile((1 + confidence) / 2, math.floor(freedom + 1e-9)) * math.sqrt(variance)


@cache
def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution, exact to about 12 digits.

    By bisection of the closed form for whole degrees of freedom (Abramowitz and Stegun, 1964,
    26.7.3 and 26.7.4), which saves a dependency on SciPy.

    Args:
        probability: at least 0.5 and below 1.
        freedom: whole degrees of freedom, at least 1.

    Raises:
        ValueError: an argument is outside its range.
    """
    if not 0.5 <= probability < 1 or freedom < 1:
        raise ValueError(f"no t quantile for probability {probability}, {freedom} degrees")
    inside = 2 * probability - 1
    low, high = 0.0, math.pi / 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _t_inside(middle, freedom) < inside:
            low = middle
        else:
            high = middle
    return math.tan((low + high) / 2) * math.sqrt(freedom)


def _t_inside(angle: float, freedom: int) -> float:
    """Return P(|T| < t) for angle = atan(t / sqrt(freedom))."""
    cosine_squared = math.cos(angle) ** 2
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = term if freedom > 1 else 0.0
    for index in range(2 + odd, freedom - 1, 2):
        term *= cosine_squared * (index - 1) / index
        total += term
    series = math.sin(angle) * total
    return 2 / math.pi * (angle + series) if odd else series


@lru_cache(maxsize=1 << 14)
def _standard_error(rounds: tuple[float, ...]) -> float:
    """Return the standard error of the mean; a cell's rounds are compared many times over."""
    return stdev(rounds) / math.sqrt(len(rounds))


def _draws(count: int, seed: int, resamples: int) -> Iterable[npt.NDArray[np.int64]]:
    """Return blocks of resamples, each row the positions of `count` drawn samples."""
    if resamples < 1:
        raise ValueError("a bootstrap needs at least one resample")
    many = count * resamples > _CHUNK_DRAWS
    return (_blocks if many else _kept_blocks)(count, seed, resamples)


def _blocks(count: int, seed: int, resamples: int) -> Iterator[npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    rows = max(1, _CHUNK_DRAWS // count)
    for start in range(0, resamples, rows):
        yield generator.integers(0, count, size=(min(rows, resamples - start), count))


@lru_cache(maxsize=2)
def _kept_blocks(count: int, seed: int, resamples: int) -> tuple[npt.NDArray[np.int64], ...]:
    """Return what `_blocks` yields: drawing takes longer than what is done with the draws."""
    return tuple(_blocks(count, seed, resamples))


def _figures(contributions: Contributions, seed: int, resamples: int) -> FloatArray:
    """Return the figure of each resample."""
    count = len(contributions)
    if contributions.statistic is Statistic.MEDIAN:
        values = contributions.per_sample
        blocks = _draws(count, seed, resamples)
        return np.concatenate([np.median(values[draws], axis=1) for draws in blocks])
    weights = _denominators(contributions.denominator.tobytes(), seed, resamples)
    quotients: FloatArray = _sums(contributions.numerator, seed, resamples) / weights
    return quotients


def _sums(values: FloatArray, seed: int, resamples: int) -> FloatArray:
    blocks = _draws(len(values), seed, resamples)
    return np.concatenate([values[draws].sum(axis=1) for draws in blocks])


@lru_cache(maxsize=16)
def _denominators(values: bytes, seed: int, resamples: int) -> FloatArray:
    """Return the sum of each resample's denominators, which most cells of a data set share."""
    return _sums(np.frombuffer(values, dtype=np.float64), seed, resamples)


def _percentiles(
    figures: FloatArray, estimate: float, count: int, confidence: float
) -> tuple[float, float]:
    tail = NormalDist().cdf(
        -math.sqrt(count / (count - 1)) * t_quantile((1 + confidence) / 2, count - 1)
    )
    # Ranks out of resamples + 1 (Davison and Hinkley, 1997, section 5.3.1): others are too narrow.
    low, high = np.quantile(figures, [tail, 1 - tail], method="weibull")
    return min(float(low), estimate), max(float(high), estimate)
