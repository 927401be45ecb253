"""Small-sample statistics of timings and energies."""

import math
import statistics
from collections.abc import Sequence

from vlmeter.measure.student_t import compute_t_quantile


def compute_half_width_95(values: Sequence[float], looks: int = 1) -> float | None:
    """Return half the width of the 95 % t interval of the mean; None for fewer than two values.

    Args:
        values: The figure of each round.
        looks: How often the interval is looked at in the course of a window (`StoppingRule`): each
            look has an equal part of the 5 %.
    """
    if len(values) < 2:
        return None
    factor = compute_t_quantile(1 - 0.025 / looks, len(values) - 1)
    return factor * statistics.stdev(values) / math.sqrt(len(values))


def compute_relative_half_width_95(values: Sequence[float], looks: int = 1) -> float | None:
    """Return the same as a share of the mean; None also where the mean is not positive."""
    half, mean = compute_half_width_95(values, looks), statistics.fmean(values)
    return half / mean if half is not None and mean > 0 else None


def compute_interval_95(
    centre: float, values: Sequence[float], looks: int = 1
) -> tuple[float | None, float | None]:
    """Return a 95 % interval around a figure, from the spread of its rounds.

    Args:
        centre: The reported figure, such as the median over all iterations.
        values: The same figure for each round.
        looks: How often the interval is looked at.

    Returns:
        The lower and the upper end, the lower not below zero (durations and energies cannot be),
        or two Nones for fewer than two rounds.
    """
    half = compute_half_width_95(values, looks)
    if half is None:
        return None, None
    return max(0.0, centre - half), centre + half


def compute_quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of the ordered values lies, linearly interpolated."""
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
