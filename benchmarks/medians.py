"""A median with its interval by the sign test, whatever the values' distribution."""

import math
import statistics
from collections.abc import Iterable
from typing import NamedTuple


class Median(NamedTuple):
    """A median and its 95 % interval."""

    value: float
    low: float
    high: float


def bound_median(values: Iterable[float]) -> Median:
    """Return the median of six values or more: a value that was disturbed moves no end of it."""
    ordered = sorted(values)
    count = len(ordered)
    tail, below = 0.5**count, 0
    while tail + math.comb(count, below + 1) * 0.5**count <= 0.025:
        below += 1
        tail += math.comb(count, below) * 0.5**count
    return Median(statistics.median(ordered), ordered[below], ordered[-1 - below])
