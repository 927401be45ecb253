"""Quantiles of Student's t, against printed tables."""

from itertools import pairwise

import pytest

from vlmeter.measure.student_t import compute_t_quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [
        (0.975, 1, 12.7062047362),
        (0.975, 2, 4.3026527297),
        (0.975, 3, 3.1824463053),
        (0.975, 4, 2.7764451052),
        (0.95, 5, 2.0150483733),
        (0.975, 10, 2.2281388520),
        (0.995, 30, 2.7499956536),
        (0.5, 7, 0.0),
    ],
)
def test_quantiles_equal_those_of_printed_tables(probability, freedom, quantile):
    assert compute_t_quantile(probability, freedom) == pytest.approx(quantile, abs=1e-9)


def test_a_t_quantile_outside_its_range_is_refused():
    for probability, freedom in [(0.4, 3), (1.0, 3), (0.975, 0)]:
        with pytest.raises(ValueError, match="no t quantile"):
            compute_t_quantile(probability, freedom)


def test_many_degrees_of_freedom_come_near_to_the_normal_distribution_without_a_step():
    quantiles = [compute_t_quantile(0.975, freedom) for freedom in range(25, 120)]
    assert quantiles == sorted(quantiles, reverse=True)
    steps = [before - after for before, after in pairwise(quantiles)]
    assert steps == sorted(steps, reverse=True)
    assert compute_t_quantile(0.975, 10_000) == pytest.approx(1.959964, abs=3e-4)
