import math
from statistics import fmean

import numpy as np
import pytest
from numpy.random import Generator

from vlmeter.metrics.cost_difference import (
    CERTAINTY,
    Repeatability,
    compare_rounds,
    measure_reach,
    pool_repeatability,
)
from vlmeter.metrics.tolerance import compute_tolerance_factor

SIMULATIONS = 2000
# 5 % plus two standard errors of a binomial share over these simulations: 6.0 %.
MAX_FALSE_SHARE = 0.05 + 2 * math.sqrt(0.05 * 0.95 / SIMULATIONS)


def test_the_interval_of_a_ratio_has_the_reaches_of_both_as_legs():
    rounds = [9.0, 10.0, 11.0], [18.0, 20.0, 22.0]
    # The standard error of both is 1 / sqrt(3) of 10, and t of two degrees of freedom is 4.303.
    reach = 4.302653 * 0.1 / math.sqrt(3)
    assert measure_reach(rounds[0], None) == pytest.approx(reach)
    result = compare_rounds(*rounds)
    ends = [20 * (0.5 * math.exp(sign * math.hypot(reach, reach)) - 1) for sign in (-1, 1)]
    assert (result.estimate, result.low, result.high) == pytest.approx((-10, *ends))
    constant = compare_rounds([1.0, 1.0], [2.0, 2.0])
    assert (constant.low, constant.high, constant.significant) == (-1.0, -1.0, True)


def test_no_saving_reaches_the_whole_however_wide_its_interval_is():
    noisy = Repeatability(3.0, 1)
    share = compare_rounds([1.0], [3.0], repeats=(noisy, noisy)).as_share_of(3.0)
    assert -1 <= share.low < share.estimate < share.high
    assert share.high > 1e6
    assert not share.significant
    # So wide that its upper end would be no float.
    wider = Repeatability(300.0, 1)
    assert math.isfinite(compare_rounds([1.0], [3.0], repeats=(wider, wider)).high)


def test_a_a_rounds_show_at_most_five_percent_false_differences():
    generator = np.random.default_rng(12)
    false_count = sum(
        compare_rounds(
            generator.normal(0.1, 0.004, size=5).tolist(),
            generator.normal(0.1, 0.004, size=5).tolist(),
        ).significant
        for _ in range(SIMULATIONS)
    )
    assert false_count / SIMULATIONS <= MAX_FALSE_SHARE


def simulate_processes(generator, count, draw_offset=Generator.normal):
    """Return the rounds of a computation in `count` processes, each with an offset of its own."""
    return [
        generator.normal(0.1 + 0.003 * draw_offset(generator), 0.0005, size=3).tolist()
        for _ in range(count)
    ]


def draw_with_outliers(generator):
    """Return a normal value, or in one of 24 cases one that is far out."""
    return generator.normal() + 5 * generator.choice([-1, 0, 1], p=[1 / 48, 46 / 48, 1 / 48])


OFFSETS = {
    "normal": Generator.normal,
    "Laplace": Generator.laplace,
    "Student's t of three degrees": lambda generator: generator.standard_t(3),
    "normal with outliers": draw_with_outliers,
}
"""How processes deviate: of a quiet machine, and of one whose neighbours slow some of them."""


@pytest.mark.parametrize("groups", [(2, 2), (3, 3, 3), (5, 5, 3), (22,)])
@pytest.mark.parametrize("offsets", OFFSETS)
def test_a_a_processes_show_at_most_five_percent_false_differences(groups, offsets):
    generator = np.random.default_rng(13)
    false_count, false_within = 0, 0
    for _ in range(SIMULATIONS):
        groups_of_rounds = [
            simulate_processes(generator, count, OFFSETS[offsets]) for count in groups
        ]
        repeat = pool_repeatability(
            [[fmean(rounds) for rounds in group] for group in groups_of_rounds]
        )
        pair = simulate_processes(generator, 2, OFFSETS[offsets])
        false_count += compare_rounds(*pair, repeats=(repeat, repeat)).significant
        false_within += compare_rounds(*pair).significant
    assert false_count / SIMULATIONS <= MAX_FALSE_SHARE
    assert false_within / SIMULATIONS > 0.5, "without repeatability most differences are false"


def test_nine_studies_of_ten_have_at_most_five_percent_false_differences():
    """All comparisons of a study share one estimate: where it is low, more of them are false."""
    generator = np.random.default_rng(17)
    pairs = generator.normal(size=(2, 1000))
    studies = 400
    holding = 0
    for _ in range(studies):
        repeat = pool_repeatability([np.exp(0.03 * generator.normal(size=5)).tolist()])
        reach = math.sqrt(2) * measure_reach([1.0], repeat)
        holding += np.mean(abs(0.03 * (pairs[0] - pairs[1])) > reach) <= 0.05
    # Nine of ten less two standard errors.
    assert holding / studies >= 0.9 - 2 * math.sqrt(0.9 * 0.1 / studies)


def test_a_real_difference_is_significant():
    generator = np.random.default_rng(14)
    groups_of_rounds = [simulate_processes(generator, 4) for _ in range(3)]
    repeat = pool_repeatability([[fmean(rounds) for rounds in group] for group in groups_of_rounds])
    (slow,), (fast,) = simulate_processes(generator, 1), simulate_processes(generator, 1)
    halved = [seconds / 2 for seconds in fast]
    assert compare_rounds(slow, halved, repeats=(repeat, repeat)).significant


def test_repeatability_is_the_pooled_deviation_within_computations():
    repeat = pool_repeatability([[1.0, math.exp(0.02)], [5.0], [2.0, 2.0, 2.0]])
    assert repeat.freedom == 3
    assert repeat.deviation == pytest.approx(math.sqrt(2 * 0.01**2 / 3))
    assert pool_repeatability([[1.0], [2.0]]) is None
    assert pool_repeatability([]) is None


def test_each_cell_has_a_repeatability_of_its_own():
    exact, variable = Repeatability(0.0, 10), Repeatability(0.1, 2)
    result = compare_rounds([2.0], [1.0], repeats=(exact, variable))
    reach = compute_tolerance_factor(0.95, CERTAINTY, 2) * 0.1
    ends = [2 * math.exp(sign * reach) - 1 for sign in (-1, 1)]
    assert (result.low, result.high) == pytest.approx(ends)


def test_the_wider_of_the_two_intervals_counts():
    rounds = [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]
    small = Repeatability(0.001, 10)
    assert compare_rounds(*rounds, repeats=(small, small)) == compare_rounds(*rounds)
