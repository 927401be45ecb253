"""Tolerance factors, against printed tables and against what estimates do."""

import math

import numpy as np
import pytest

from vlmeter.metrics.tolerance import compute_chi_square_quantile, compute_tolerance_factor


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [
        (0.10, 1, 0.0157907741),
        (0.10, 2, 0.2107210313),
        (0.10, 3, 0.5843743741),
        (0.05, 4, 0.7107230214),
        (0.10, 10, 4.8651820519),
        (0.05, 21, 11.5913052088),
        (0.50, 2, 1.3862943611),
        (0.10, 100, 82.3581358124),
    ],
)
def test_quantiles_equal_those_of_printed_tables(probability, freedom, quantile):
    computed = compute_chi_square_quantile(probability, freedom)
    assert computed == pytest.approx(quantile, abs=1e-9)


def test_many_degrees_of_freedom_leave_no_range_of_floats():
    for freedom in (1999, 2000):
        normal = freedom - 1.2815515655 * math.sqrt(2 * freedom)
        assert compute_chi_square_quantile(0.1, freedom) == pytest.approx(normal, rel=1e-3)


def test_what_is_outside_its_range_is_refused():
    for probability, freedom in [(0.0, 3), (0.6, 3), (0.1, 0)]:
        with pytest.raises(ValueError, match="no chi-square quantile"):
            compute_chi_square_quantile(probability, freedom)
    for content in (0.0, 1.0):
        with pytest.raises(ValueError, match="no tolerance interval"):
            compute_tolerance_factor(content, 0.9, 3)


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 21])
@pytest.mark.parametrize("certainty", [0.9, 0.6])
def test_as_many_estimates_as_it_says_reach_far_enough(freedom, certainty):
    """A deviation of 1 is estimated anew each time; 1.96 of it hold 95 of 100 values."""
    estimates = np.sqrt(np.random.default_rng(3).chisquare(freedom, size=20_000) / freedom)
    reaches = compute_tolerance_factor(0.95, certainty, freedom) * estimates
    assert np.mean(reaches >= 1.959964) == pytest.approx(certainty, abs=0.01)


def test_the_better_the_estimate_the_nearer_is_the_normal_distribution():
    factors = [compute_tolerance_factor(0.95, 0.9, freedom) for freedom in range(1, 200)]
    assert factors == sorted(factors, reverse=True)
    assert compute_tolerance_factor(0.95, 0.9, 10_000) == pytest.approx(1.96, abs=0.03)
