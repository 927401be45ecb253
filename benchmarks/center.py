"""Where values lie that noise of an unknown distribution moves, with an interval."""

import math
import statistics
from collections.abc import Iterable
from itertools import combinations_with_replacement
from typing import NamedTuple

_NORMAL_975 = statistics.NormalDist().inv_cdf(0.975)


class Center(NamedTuple):
    """A location and its 95 % interval."""

    value: float
    low: float
    high: float


def bound_center(values: Iterable[float]) -> Center:
    """Return the median of the means of all pairs of values, of which there are six or more.

    A value that was disturbed moves it little, and it needs two thirds of the values that a median
    needs where none was. Its interval is that of the signed-rank test, for values that lie as
    likely above as below: Hodges and Lehmann, Ann. Math. Statist. 34 (1963).
    """
    ordered = list(values)
    count = len(ordered)
    means = sorted(statistics.fmean(pair) for pair in combinations_with_replacement(ordered, 2))
    deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    below = math.floor(count * (count + 1) / 4 - _NORMAL_975 * deviation - 0.5)
    return Center(statistics.median(means), means[below], means[-1 - below])
