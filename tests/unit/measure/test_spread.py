import pytest

from vlmeter.measure.spread import compute_half_width_95, compute_interval_95, compute_quantile


def test_the_interval_uses_student_s_t_of_few_rounds():
    assert compute_half_width_95([1.0, 2.0]) == pytest.approx(12.7062 * 0.5)
    assert compute_half_width_95([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / 3**0.5)
    assert compute_half_width_95([0.0, 1.0] * 50) == pytest.approx(1.984217 * 0.502519 / 10)


def test_one_value_has_no_interval():
    assert compute_half_width_95([1.0]) is None
    assert compute_interval_95(1.0, [1.0]) == (None, None)


def test_a_duration_s_interval_does_not_reach_below_zero():
    assert compute_interval_95(1.5, [1.0, 2.0]) == (0.0, pytest.approx(1.5 + 6.353102))


def test_quantiles_interpolate_between_values():
    assert compute_quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert compute_quantile([7.0], 0.99) == 7.0
    assert compute_quantile([1.0, 3.0], 1.0) == 3.0
