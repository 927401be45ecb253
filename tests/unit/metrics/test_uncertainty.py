import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics.base import mean, median, ratio
from vlmeter.metrics.cost_difference import (
    compare_rounds,
)
from vlmeter.metrics.uncertainty import Difference, bootstrap, compute_difference

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


def test_paired_a_a_runs_show_at_most_five_percent_false_differences():
    generator = np.random.default_rng(11)
    false_count = 0
    for seed in range(SIMULATIONS):
        words = generator.integers(1, 12, size=60)
        difficulty = generator.uniform(0, 0.6, size=60)
        a, b = (ratio(generator.binomial(words, difficulty), words) for _ in range(2))
        false_count += compute_difference(a, b, seed=seed).significant
    assert false_count / SIMULATIONS <= MAX_FALSE_SHARE


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
