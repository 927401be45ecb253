"""How far an interval must reach where its standard deviation is itself an estimate."""

import math
from functools import cache
from statistics import NormalDist

_BISECTIONS = 60


@cache
def compute_tolerance_factor(content: float, certainty: float, freedom: int) -> float:
    """Return the standard deviations that a two-sided tolerance interval reaches.

    A quantile of Student's t is right on the average over all estimates of a standard deviation.
    Where many differences are held against one estimate, its error is theirs in common: of half
    of the estimates, those that are too small, more differences exceed the interval than should.
    So the estimate is replaced by its upper confidence bound (Howe, 1969, "Two-sided tolerance
    limits for normal populations", JASA 64, 610-620, for a mean that is given: no difference).

    Args:
        content: share of differences that the interval holds where nothing differs, at least.
        certainty: share of estimates of which that is true, at least 0.5.
        freedom: whole degrees of freedom of the estimate, at least 1.

    Raises:
        ValueError: an argument is outside its range.
    """
    if not 0 < content < 1:
        raise ValueError(f"no tolerance interval holds a share of {content:g}")
    bound = math.sqrt(freedom / compute_chi_square_quantile(1 - certainty, freedom))
    return NormalDist().inv_cdf((1 + content) / 2) * bound


@cache
def compute_chi_square_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of the chi-square distribution, exact to about 12 digits.

    By bisection of the closed form for whole degrees of freedom (Abramowitz and Stegun, 1964,
    26.4.4 and 26.4.5), which saves a dependency on SciPy.

    Args:
        probability: above 0 and at most 0.5, so that the quantile is at most `freedom`.
        freedom: whole degrees of freedom, at least 1.

    Raises:
        ValueError: an argument is outside its range.
    """
    if not 0 < probability <= 0.5 or freedom < 1:
        raise ValueError(f"no chi-square quantile for probability {probability}, {freedom} degrees")
    low, high = 0.0, float(freedom)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if 1 - _compute_tail(middle, freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _compute_tail(value: float, freedom: int) -> float:
    """Return P(chi-square > value) for a positive value."""
    half, is_odd = value / 2, freedom % 2
    powers = (index + is_odd / 2 for index in range(freedom // 2))
    # On the log scale: the terms of many degrees are no floats.
    series = math.fsum(
        math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers
    )
    return series + (math.erfc(math.sqrt(half)) if is_odd else 0.0)
