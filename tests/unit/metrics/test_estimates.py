"""What is computed from estimates has an interval that covers as theirs do."""

import math

import numpy as np
import pytest

from vlmeter.metrics.estimates import Estimate, add_estimates, divide_estimates

Z_95 = 1.959964


def test_a_sum_s_ends_are_as_far_as_those_of_both_together():
    total = add_estimates(Estimate(10.0, 7.0, 13.0), Estimate(5.0, 1.0, 9.0))
    assert (total.value, total.low, total.high) == (15.0, 10.0, 20.0)


def test_a_ratio_s_ends_are_as_far_as_those_of_both_on_a_logarithmic_scale():
    # Of exact parts of a factor e, which are 3 and 4 tenths: 5 tenths together.
    energy = Estimate(8.0, 8.0 * math.exp(-0.3), 8.0 * math.exp(0.6))
    share = Estimate(0.4, 0.4 * math.exp(-0.8), 0.4 * math.exp(0.4))
    ratio = divide_estimates(energy, share)
    assert ratio.value == pytest.approx(20.0)
    assert ratio.low == pytest.approx(20.0 * math.exp(-0.5))
    assert ratio.high == pytest.approx(20.0 * math.exp(1.0))


def test_an_exact_factor_moves_value_and_ends_alike():
    assert Estimate(2.0, 1.0, 4.0).scale(0.5) == Estimate(1.0, 0.5, 2.0)
    assert Estimate(2.0, None, None).scale(3) == Estimate(6.0, None, None)


@pytest.mark.parametrize("lacking", [Estimate(2.0, None, None), Estimate(2.0, 1.0, None)])
def test_without_an_interval_of_both_there_is_none(lacking):
    other = Estimate(1.0, 0.9, 1.1)
    assert add_estimates(lacking, other) == Estimate(3.0, None, None)
    assert divide_estimates(other, lacking) == Estimate(0.5, None, None)


def test_a_share_that_may_be_nothing_leaves_the_ratio_without_an_interval():
    assert divide_estimates(Estimate(1.0, 0.9, 1.1), Estimate(0.5, 0.0, 1.0)) == Estimate(
        2.0, None, None
    )


@pytest.mark.parametrize("zero", [0.0, -1.0])
def test_nothing_is_divided_by_nothing(zero):
    unit = Estimate(1.0, 1.0, 1.0)
    for pair in ((Estimate(zero, zero, zero), unit), (unit, Estimate(zero, zero, zero))):
        with pytest.raises(ValueError, match="only positive estimates have a ratio"):
            divide_estimates(*pair)


@pytest.mark.parametrize("combine", [add_estimates, divide_estimates])
def test_the_intervals_cover_the_truth_in_95_of_100_studies(combine):
    chance, studies = np.random.default_rng(0), 4000
    truths, deviations = (3.0, 0.6), (0.15, 0.04)
    truth = sum(truths) if combine is add_estimates else truths[0] / truths[1]
    covered = 0
    for _ in range(studies):
        parts = []
        for mean, deviation in zip(truths, deviations, strict=True):
            value = chance.normal(mean, deviation)
            parts.append(Estimate(value, value - Z_95 * deviation, value + Z_95 * deviation))
        result = combine(*parts)
        covered += result.low <= truth <= result.high
    assert covered / studies == pytest.approx(0.95, abs=0.012)
