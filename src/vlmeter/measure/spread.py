"""Small-sample statistics of timings and energies."""

import math
import statistics
from collections.abc import Sequence

_STUDENT_T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""The 97.5 % quantile of Student's t for 1 to 30 degrees of freedom (any table of it)."""

_NORMAL_975 = 1.960


def half_width_95(values: Sequence[float]) -> float | None:
    """Half the width of the 95 % t interval of the mean, or None for fewer than two values."""
    if len(values) < 2:
        return None
    freedom = len(values) - 1
    factor = _STUDENT_T_975[freedom - 1] if freedom <= len(_STUDENT_T_975) else _NORMAL_975
    return factor * statistics.stdev(values) / math.sqrt(len(values))


def interval_95(centre: float, values: Sequence[float]) -> tuple[float | None, float | None]:
    """A 95 % interval around a figure from the spread of its rounds.

    Args:
        centre: The reported figure, such as the median over all iterations.
        values: The same figure for each round.

    Returns:
        The lower and the upper end, the lower not below zero (durations and energies cannot be),
        or two Nones for fewer than two rounds.
    """
    half = half_width_95(values)
    if half is None:
        return None, None
    return max(0.0, centre - half), centre + half


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the ordered values lies, with linear interpolation."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
