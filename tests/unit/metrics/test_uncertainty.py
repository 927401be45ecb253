import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics.base import mean, median, ratio
from vlmeter.metrics.uncertainty import (
    Difference,
    Repeatability,
    bootstrap,
    difference,
    difference_of_rounds,
    repeatability,
    t_interval,
    t_quantile,
)

SIMULATIONS = 2000
# 5 % and two standard errors of a binomial share over that many simulations: 6.0 %.
MOST_FALSE_DIFFERENCES = 0.05 + 2 * math.sqrt(0.05 * 0.95 / SIMULATIONS)


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
def test_t_quantiles_are_those_of_printed_tables(probability, freedom, quantile):
    assert t_quantile(probability, freedom) == pytest.approx(quantile, abs=1e-9)


def test_a_t_quantile_outside_its_range_is_refused():
    for probability, freedom in [(0.4, 3), (1.0, 3), (0.975, 0)]:
        with pytest.raises(ValueError, match="no t quantile"):
            t_quantile(probability, freedom)


def test_a_bootstrap_is_repeatable_and_moves_with_its_seed():
    values = mean(np.random.default_rng(5).normal(size=100).tolist())
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


def test_the_bootstrap_of_a_mean_agrees_with_the_normal_interval():
    values = np.random.default_rng(5).normal(size=1000)
    interval = bootstrap(mean(values.tolist()), seed=1, resamples=4000)
    reach = 1.96 * values.std(ddof=1) / math.sqrt(1000)
    assert interval.low == pytest.approx(values.mean() - reach, abs=0.05 * reach)
    assert interval.high == pytest.approx(values.mean() + reach, abs=0.05 * reach)


def test_a_ratio_resamples_numerator_and_denominator_together():
    # Each sample's own ratio is 1/2, whatever its length: no resample can give another.
    interval = bootstrap(ratio([1, 5, 50], [2, 10, 100]), seed=0)
    assert (interval.estimate, interval.low, interval.high) == (0.5, 0.5, 0.5)


def test_resampling_in_blocks_is_resampling_at_once():
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
def test_an_interval_holds_its_estimate(samples, seed):
    contributions = ratio([each[0] for each in samples], [each[1] for each in samples])
    interval = bootstrap(contributions, seed=seed, resamples=100)
    assert interval.low <= interval.estimate <= interval.high


def test_one_sample_or_one_round_has_no_interval_and_no_difference():
    one = mean([3.0])
    assert (bootstrap(one, seed=0).low, bootstrap(one, seed=0).high) == (None, None)
    assert not difference(one, mean([9.0]), seed=0).significant
    assert (t_interval([2.0]).estimate, t_interval([2.0]).low) == (2.0, None)
    assert not difference_of_rounds([1.0], [2.0, 2.1]).significant


def test_what_cannot_be_estimated_is_refused():
    with pytest.raises(ValueError, match="no sample"):
        bootstrap(mean([]), seed=0)
    with pytest.raises(ValueError, match="at least one resample"):
        bootstrap(mean([1.0, 2.0]), seed=0, resamples=0)
    with pytest.raises(ValueError, match="2 samples cannot be paired with 3"):
        difference(mean([1, 2]), mean([1, 2, 3]), seed=0)
    with pytest.raises(ValueError, match="no round"):
        t_interval([])
    with pytest.raises(ValueError, match="no round"):
        difference_of_rounds([], [1.0])


def test_a_paired_difference_sees_what_unpaired_intervals_hide():
    hard = np.random.default_rng(3).normal(scale=10, size=200)
    a, b = mean((hard + 0.5).tolist()), mean(hard.tolist())
    result = difference(a, b, seed=0)
    assert result.estimate == pytest.approx(0.5)
    assert result.significant
    assert bootstrap(a, seed=0).low < b.value


def test_equal_cells_differ_by_exactly_nothing():
    values = mean([0.0, 1.0, 1.0])
    result = difference(values, values, seed=0)
    assert (result.estimate, result.low, result.high) == (0.0, 0.0, 0.0)
    assert not result.significant


def test_a_difference_counts_only_when_its_interval_leaves_out_zero():
    assert Difference(1.0, 0.1, 2.0).significant
    assert Difference(-1.0, -2.0, -0.1).significant
    assert not Difference(1.0, 0.0, 2.0).significant


def test_a_t_interval_over_rounds_is_the_textbook_one():
    interval = t_interval([1.0, 2.0, 3.0])
    reach = 4.3026527297 / math.sqrt(3)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx(
        (2.0, 2 - reach, 2 + reach)
    )


def test_welch_has_the_pooled_freedom_for_equal_spreads():
    result = difference_of_rounds([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    reach = t_quantile(0.975, 4) * math.sqrt(2 / 3)
    assert (result.estimate, result.low, result.high) == pytest.approx((-1, -1 - reach, -1 + reach))
    constant = difference_of_rounds([1.0, 1.0], [2.0, 2.0])
    assert (constant.low, constant.high, constant.significant) == (-1.0, -1.0, True)


def test_paired_a_a_runs_show_at_most_five_percent_false_differences():
    generator = np.random.default_rng(11)
    false = 0
    for seed in range(SIMULATIONS):
        words = generator.integers(1, 12, size=60)
        difficulty = generator.uniform(0, 0.6, size=60)
        a, b = (ratio(generator.binomial(words, difficulty), words) for _ in range(2))
        false += difference(a, b, seed=seed).significant
    assert false / SIMULATIONS <= MOST_FALSE_DIFFERENCES


def test_a_a_rounds_show_at_most_five_percent_false_differences():
    generator = np.random.default_rng(12)
    false = sum(
        difference_of_rounds(
            generator.normal(0.1, 0.004, size=5).tolist(),
            generator.normal(0.1, 0.004, size=5).tolist(),
        ).significant
        for _ in range(SIMULATIONS)
    )
    assert false / SIMULATIONS <= MOST_FALSE_DIFFERENCES


def processes(generator, count):
    """Rounds of one computation, measured in so many processes that differ from each other."""
    return [
        generator.normal(0.1 * generator.normal(1, 0.03), 0.0005, size=3).tolist()
        for _ in range(count)
    ]


@pytest.mark.parametrize("groups", [(2, 2), (3, 3, 3), (5, 5, 3)])
def test_a_a_processes_show_at_most_five_percent_false_differences(groups):
    generator = np.random.default_rng(13)
    false, blind = 0, 0
    for _ in range(SIMULATIONS):
        repeated = [processes(generator, count) for count in groups]
        known = repeatability([[fmean(rounds) for rounds in group] for group in repeated])
        pair = processes(generator, 2)
        false += difference_of_rounds(*pair, repeats=(known, known)).significant
        blind += difference_of_rounds(*pair).significant
    assert false / SIMULATIONS <= MOST_FALSE_DIFFERENCES
    assert blind / SIMULATIONS > 0.5, "rounds of one process alone see differences everywhere"


def test_a_real_difference_is_still_seen():
    generator = np.random.default_rng(14)
    repeated = [processes(generator, 4) for _ in range(3)]
    known = repeatability([[fmean(rounds) for rounds in group] for group in repeated])
    (slow,), (fast,) = processes(generator, 1), processes(generator, 1)
    halved = [one / 2 for one in fast]
    assert difference_of_rounds(slow, halved, repeats=(known, known)).significant


def test_repeatability_is_the_pooled_deviation_within_computations():
    known = repeatability([[1.0, math.exp(0.02)], [5.0], [2.0, 2.0, 2.0]])
    assert known.freedom == 3
    assert known.deviation == pytest.approx(math.sqrt(2 * 0.01**2 / 3))
    assert repeatability([[1.0], [2.0]]) is None
    assert repeatability([]) is None


def test_two_kinds_of_cell_have_each_their_own_repeatability():
    exact, rough = Repeatability(0.0, 10), Repeatability(0.1, 2)
    result = difference_of_rounds([2.0], [1.0], repeats=(exact, rough))
    reach = t_quantile(0.975, 2) * 0.1
    assert (result.low, result.high) == pytest.approx((1 - reach, 1 + reach))


def test_the_wider_of_the_two_intervals_counts():
    rounds = [1.0, 2.0, 3.0], [2.0, 3.0, 4.0]
    still = Repeatability(0.001, 10)
    assert difference_of_rounds(*rounds, repeats=(still, still)) == difference_of_rounds(*rounds)
