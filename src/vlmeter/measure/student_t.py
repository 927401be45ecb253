"""Student's t distribution: for every interval, of costs and of quality."""

import math
from functools import cache

_BISECTIONS = 60


@cache
def compute_t_quantile(probability: float, freedom: int) -> float:
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
    central_probability = 2 * probability - 1
    low, high = 0.0, math.pi / 2
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _compute_central_probability(middle, freedom) < central_probability:
            low = middle
        else:
            high = middle
    return math.tan((low + high) / 2) * math.sqrt(freedom)


def _compute_central_probability(angle: float, freedom: int) -> float:
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
