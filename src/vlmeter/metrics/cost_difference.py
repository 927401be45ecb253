"""Differences of costs that are measured in rounds.

They vary from round to round (Student's t) and from process to process (a tolerance interval).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev

from vlmeter.measure.student_t import compute_t_quantile
from vlmeter.metrics.tolerance import compute_tolerance_factor
from vlmeter.metrics.uncertainty import CONFIDENCE, Difference

CERTAINTY = 0.90
"""The share of studies whose intervals hold what `CONFIDENCE` says, though all comparisons of a
study share an estimate of how well its costs repeat. The width that this adds suffices too where
deviations have heavier tails than normal ones, as on machines that others slow at times."""
_LARGEST_LOG = 600.0
"""Of a ratio; that of a larger one may be no float."""


@dataclass(frozen=True)
class Repeatability:
    """How much a mean over rounds varies between processes with the same computation."""

    deviation: float
    """Relative repeatability standard deviation (ISO 5725-1) of such a mean."""
    freedom: int
    """Its degrees of freedom: the measurements beyond the first of each computation."""


def measure_reach(
    rounds: Sequence[float],
    repeat: Repeatability | None,
    confidence: float = CONFIDENCE,
    looks: int = 1,
) -> float | None:
    """Return how far the mean of rounds may be off, as a natural logarithm.

    It is the half width of a t interval from the spread of the rounds, which run in one process,
    or of a tolerance interval from what varies between processes, such as the memory layout and
    the clock rate, whichever is wider.

    Args:
        rounds: positive rounds, at least one.
        repeat: repeatability of such a mean; None if not estimated.
        confidence: share of such intervals that contain the true value.
        looks: how often the spread of the rounds was looked at to end their window; each look has
            an equal part of the error (`vlmeter.measure.stopping`).

    Returns:
        None for a single round without repeatability, whose error cannot be estimated.
    """
    tail = (1 + confidence) / 2
    reaches = []
    if len(rounds) > 1:
        relative_error = _compute_standard_error(tuple(rounds)) / fmean(rounds)
        shared_tail = 1 - (1 - tail) / looks
        reaches.append(compute_t_quantile(shared_tail, len(rounds) - 1) * relative_error)
    if repeat is not None:
        factor = compute_tolerance_factor(confidence, CERTAINTY, repeat.freedom)
        reaches.append(factor * repeat.deviation)
    return max(reaches, default=None)


def compare_rounds(
    a: Sequence[float],
    b: Sequence[float],
    *,
    repeats: tuple[Repeatability, Repeatability] | None = None,
    looks: tuple[int, int] = (1, 1),
    confidence: float = CONFIDENCE,
) -> Difference:
    """Return by how much the mean of rounds `a` exceeds that of `b`, with an interval.

    The interval is of the ratio of both means, so that no saving reaches 100 %: on the log scale
    the two reaches add up as the legs of a right triangle (method of variance estimates recovery,
    Zou and Donner, 2008).

    Args:
        a: positive rounds of a cell.
        b: positive rounds of another cell.
        repeats: repeatability of measurements like `a` and like `b`; None if not estimated.
        looks: how often the window of each was looked at, as for `measure_reach`.
        confidence: share of such intervals that contain the true difference.

    Raises:
        ValueError: a cell has no round.
    """
    if not a or not b:
        raise ValueError("no round was measured")
    estimate, base = fmean(a) - fmean(b), fmean(b)
    of_a, of_b = repeats or (None, None)
    reach_a = measure_reach(a, of_a, confidence, looks[0])
    reach_b = measure_reach(b, of_b, confidence, looks[1])
    if reach_a is None or reach_b is None:
        return Difference(estimate, None, None)
    log_ratio, reach = math.log(fmean(a) / base), math.hypot(reach_a, reach_b)
    low, high = (base * math.expm1(min(log_ratio + end, _LARGEST_LOG)) for end in (-reach, reach))
    # Rounding must not move an end past the estimate.
    return Difference(estimate, min(low, estimate), max(high, estimate))


def pool_repeatability(groups: Sequence[Sequence[float]]) -> Repeatability | None:
    """Return the repeatability of means, pooled over groups of the same computation.

    Args:
        groups: by computation, the positive mean of each measurement in a process of its own.

    Returns:
        None if no computation was measured twice.
    """
    log_groups = [[math.log(mean) for mean in group] for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in log_groups)
    if not freedom:
        return None
    squares = math.fsum((log - fmean(group)) ** 2 for group in log_groups for log in group)
    return Repeatability(math.sqrt(squares / freedom), freedom)


@lru_cache(maxsize=1 << 14)
def _compute_standard_error(rounds: tuple[float, ...]) -> float:
    """Return the standard error of the mean; cached, since a cell is compared many times."""
    return stdev(rounds) / math.sqrt(len(rounds))
