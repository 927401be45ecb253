"""Estimates with 95 % intervals, and the intervals of what is computed from them.

Method: MOVER, which recovers variances from the ends of intervals (G. Y. Zou and A. Donner,
Construction of confidence limits about effect measures: a general approach, Statistics in Medicine
27, 2008). It needs estimates that are independent of each other, and no distribution.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A figure with the ends of its 95 % interval; two Nones where there is none."""

    value: float
    low: float | None
    high: float | None

    def scale(self, factor: float) -> "Estimate":
        """Return it times an exact factor that is not negative."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        return Estimate(self.value * factor, low, high)


def add_estimates(a: Estimate, b: Estimate) -> Estimate:
    """Return the sum of two independent estimates."""
    value = a.value + b.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Estimate(value, None, None)
    below = math.hypot(a.value - a.low, b.value - b.low)
    above = math.hypot(a.high - a.value, b.high - b.value)
    return Estimate(value, value - below, value + above)


def divide_estimates(a: Estimate, b: Estimate) -> Estimate:
    """Return the ratio of two independent positive estimates: MOVER on their logarithms.

    An end of an interval at zero leaves the ratio without an interval: its logarithm has no bound.

    Raises:
        ValueError: an estimate is not positive.
    """
    if a.value <= 0 or b.value <= 0:
        raise ValueError(f"only positive estimates have a ratio here: {a.value:g} / {b.value:g}")
    value = a.value / b.value
    if not (a.low and a.high and b.low and b.high) or min(a.low, b.low) <= 0:
        return Estimate(value, None, None)
    below = math.hypot(math.log(a.value / a.low), math.log(b.high / b.value))
    above = math.hypot(math.log(a.high / a.value), math.log(b.value / b.low))
    return Estimate(value, value * math.exp(-below), value * math.exp(above))
