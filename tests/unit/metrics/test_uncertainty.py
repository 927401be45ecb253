import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

from vlmeter.metrics.base import mean, median, ratio
from vlmeter.metrics.tolerance import compute_tolerance_factor
from vlmeter.metrics.uncertainty import (
    CERTAINTY,
    Difference,
    Repeatability,
    bootstrap,
    compare_rounds,
    compute_difference,
    measure_reach,
    pool_repeatability,
)

SIMULATIONS = 2000
# 5 % plus two standard errors of a binomial share over these simulations: 6.0 %.
MAX_FALSE_SHARE = 0.05 + 2 * math.sqrt(0.05 * 0.95 / SIMULATIONS)


def test_a_bootstrap_is_reproducible_and_depends_on_its_seed():
    values = mean(np.random.default_rng(5).normal(size=100).tolist())
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


def test_the_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    values = np.random.default_rng(5).normal(size=1000)
    interval = bootstrap(mean(values.tolist()), seed=1, resamples=4000)
    half_width = 1.96 * values.std(ddof=1) / math.sqrt(1000)
    assert interval.low == pytest.approx(values.mean() - half_width, abs=0.05 * half_width)
    assert interval.high == pytest.approx(values.mean() + half_width, abs=0.05 * half_width)


def test_a_ratio_resamples_numerator_and_denominator_together():
    # The ratio of each sample is 1/2, so every resample has this ratio.
    interval = bootstrap(ratio([1, 5, 50], [2, 10, 100]), seed=0)
    assert (interval.estimate, interval.low, interval.high) == (0.5, 0.5, 0.5)


def test_resampling_in_blocks_equals_resampling_at_once():
    values = np.random.default_rng(5).normal(size=3000)
    draws = np.random.default_rng(1).integers(0, 3000, size=(1000, 3000))
    interval = bootstrap(mean(values.tolist()), seed=1, resamples=1000)
    ends = np.quantile(values[draws].mean(axis=1), [0.025, 0.975], method="weibull")
    assert [interval.low, interval.high] == pytest.approx(ends.tolist(), abs=1e-4)


def test_a_median_is_resampled_as_a_median():
    interval = bootstrap(median([0.0] * 52 + [9.0] * 49), seed=0)
    assert (interval.estimate, interval.low, interval.high) == (0.0, 0.0, 9.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 20)),
        min_size=2,
        max_size=30,
    ),
    st.integers(0, 10),
)
@settings(max_examples=50)
def test_an_interval_contains_its_estimate(samples, seed):
    contributions = ratio(*zip(*samples, strict=True))
    interval = bootstrap(contributions, seed=seed, resamples=100)
    assert interval.low <= interval.estimate <= interval.high


def test_a_single_sample_or_round_has_no_interval_and_no_difference():
    single = mean([3.0])
    interval = bootstrap(single, seed=0)
    assert (interval.low, interval.high) == (None, None)
    assert not compute_difference(single, mean([9.0]), seed=0).significant
    assert not compare_rounds([1.0], [2.0, 2.1]).significant


def test_too_few_samples_rounds_or_resamples_are_refused():
    with pytest.raises(ValueError, match="no sample"):
        bootstrap(mean([]), seed=0)
    with pytest.raises(ValueError, match="at least one resample"):
        bootstrap(mean([1.0, 2.0]), seed=0, resamples=0)
    with pytest.raises(ValueError, match="2 samples cannot be paired with 3"):
        compute_difference(mean([1, 2]), mean([1, 2, 3]), seed=0)
    with pytest.raises(ValueError, match="no round"):
        compare_rounds([], [1.0])


def test_a_paired_difference_is_significant_where_unpaired_intervals_overlap():
    difficulty = np.random.default_rng(3).normal(scale=10, size=200)
    a, b = mean((difficulty + 0.5).tolist()), mean(difficulty.tolist())
    result = compute_difference(a, b, seed=0)
    assert result.estimate == pytest.approx(0.5)
    assert result.significant
    assert bootstrap(a, seed=0).low < b.value


def test_equal_cells_differ_by_exactly_zero():
    values = mean([0.0, 1.0, 1.0])
    result = compute_difference(values, values, seed=0)
    assert (result.estimate, result.low, result.high) == (0.0, 0.0, 0.0)
    assert not result.significant


def test_a_difference_is_significant_only_if_its_interval_excludes_zero():
    assert Difference(1.0, 0.1, 2.0).significant
    assert Difference(-1.0, -2.0, -0.1).significant
    assert not Difference(1.0, 0.0, 2.0).significant


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


def test_paired_a_a_runs_show_at_most_five_percent_false_differences():
    generator = np.random.default_rng(11)
    false_count = 0
    for seed in range(SIMULATIONS):
        words = generator.integers(1, 12, size=60)
        difficulty = generator.uniform(0, 0.6, size=60)
        a, b = (ratio(generator.binomial(words, difficulty), words) for _ in range(2))
        false_count += compute_difference(a, b, seed=seed).significant
    assert false_count / SIMULATIONS <= MAX_FALSE_SHARE


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


def test_the_interval_of_few_samples_is_as_wide_as_student_s_t_asks():
    """Plain percentiles of five samples hold the true mean only about 84 times in 100."""
    generator = np.random.default_rng(0)
    hits = 0
    for seed in range(600):
        interval = bootstrap(mean(generator.normal(size=5)), seed=seed, resamples=400)
        hits += interval.low <= 0 <= interval.high
    assert hits / 600 > 0.89


@pytest.mark.parametrize("values", [[0.0, 0.0, 9.0], [1.0, 5.0, 5.0, 5.0]])
def test_the_interval_of_a_single_resample_still_holds_the_estimate(values):
    for seed in range(10):
        interval = bootstrap(mean(values), seed=seed, resamples=1)
        assert interval.low <= interval.estimate <= interval.high
