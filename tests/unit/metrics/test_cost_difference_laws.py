"""Laws of differences that hold for all rounds."""

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics.cost_difference import (
    Repeatability,
    compare_rounds,
    measure_reach,
    pool_repeatability,
)

ROUNDS = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=6)
TIGHT_ROUNDS = st.lists(st.floats(1.0, 1.001), min_size=2, max_size=6)
"""Rounds of one process, which differ less than processes do."""
REPEATS = st.builds(Repeatability, st.floats(0.0, 0.2), st.integers(1, 20))
POWERS_OF_TWO = st.sampled_from([2.0, 1024.0, 2.0**-10])
"""Factors that round nothing: degrees of freedom are cut to whole ones, so last digits count."""
FEW = settings(max_examples=25)


@given(ROUNDS, ROUNDS, st.none() | st.tuples(REPEATS, REPEATS))
@FEW
def test_every_interval_over_rounds_holds_its_estimate(a, b, repeats):
    result = compare_rounds(a, b, repeats=repeats)
    assert result.low <= result.estimate <= result.high
    assert result.estimate == pytest.approx(np.mean(a) - np.mean(b), abs=1e-9)


@given(ROUNDS, ROUNDS, st.none() | st.tuples(REPEATS, REPEATS), POWERS_OF_TWO)
@FEW
def test_another_unit_of_the_rounds_is_another_unit_of_the_interval(a, b, repeats, factor):
    plain = compare_rounds(a, b, repeats=repeats)
    scaled = compare_rounds(
        [value * factor for value in a], [value * factor for value in b], repeats=repeats
    )
    assert (scaled.estimate, scaled.low, scaled.high) == (
        plain.estimate * factor,
        plain.low * factor,
        plain.high * factor,
    )


@given(ROUNDS, ROUNDS, st.none() | st.tuples(REPEATS, REPEATS), st.randoms())
@FEW
def test_the_order_of_rounds_does_not_matter_and_that_of_cells_inverts_the_ratio(
    a, b, repeats, random
):
    plain = compare_rounds(a, b, repeats=repeats)
    shuffled = compare_rounds(random.sample(a, len(a)), random.sample(b, len(b)), repeats=repeats)
    assert shuffled == plain
    swapped = compare_rounds(b, a, repeats=None if repeats is None else repeats[::-1])
    # Of ratios: what is twice as much one way is half as much the other way.
    ratios = [1 + end / np.mean(b) for end in (plain.low, plain.high)]
    inverse = [1 + end / np.mean(a) for end in (swapped.high, swapped.low)]
    assert ratios == pytest.approx([1 / ratio for ratio in inverse], rel=1e-6)


@given(st.lists(st.floats(1.0, 2.0), min_size=2, max_size=6, unique=True), REPEATS)
@FEW
def test_more_confidence_asks_for_a_wider_interval_of_rounds(rounds, repeats):
    noisy = Repeatability(repeats.deviation + 1.0, repeats.freedom)
    steady = Repeatability(0.0, 1)
    for both in (None, (noisy, noisy), (noisy, steady), (steady, noisy)):
        narrow, wide = (
            compare_rounds(rounds, rounds, repeats=both, confidence=share).high
            for share in (0.5, 0.95)
        )
        assert narrow < wide


@given(st.lists(ROUNDS, min_size=1, max_size=4), st.floats(1e-3, 1e3))
@FEW
def test_how_well_a_cost_repeats_has_no_unit(groups, factor):
    plain = pool_repeatability(groups)
    scaled = pool_repeatability([[value * factor for value in group] for group in groups])
    assert scaled.freedom == plain.freedom == sum(len(group) - 1 for group in groups)
    assert scaled.deviation == pytest.approx(plain.deviation, abs=1e-9)


@given(st.floats(1.0, 2.0), REPEATS)
@FEW
def test_worse_repeatability_of_either_cell_or_of_both_widens_the_interval(cost, repeats):
    def measure_width(*both):
        result = compare_rounds([cost], [cost], repeats=both)
        return result.high - result.low

    worse = Repeatability(repeats.deviation + 0.1, repeats.freedom)
    steady = Repeatability(0.0, repeats.freedom)
    assert measure_width(repeats, steady) < measure_width(worse, steady)
    assert measure_width(steady, repeats) < measure_width(steady, worse)
    assert measure_width(repeats, repeats) < measure_width(worse, worse)
    assert measure_width(worse, steady) < measure_width(worse, worse)


@given(ROUNDS | TIGHT_ROUNDS, REPEATS)
@FEW
def test_the_wider_of_the_spread_of_rounds_and_of_processes_counts(rounds, repeat):
    within = measure_reach(rounds, None)
    between = measure_reach([fmean(rounds)], repeat)
    assert measure_reach(rounds, repeat) == pytest.approx(max(within, between), abs=1e-9)


@given(ROUNDS, st.none() | REPEATS, st.floats(0.01, 100.0))
@FEW
def test_a_mean_reaches_as_far_in_any_unit(rounds, repeat, factor):
    scaled = [value * factor for value in rounds]
    assert measure_reach(scaled, repeat) == pytest.approx(measure_reach(rounds, repeat), abs=1e-9)


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.7062), (3, 4.302653), (5, 2.776445)])
def test_a_mean_has_the_degrees_of_freedom_of_its_rounds(count, quantile):
    rounds = [1.0] * (count - 1) + [1.5]
    error = np.std(rounds, ddof=1) / math.sqrt(count) / np.mean(rounds)
    assert measure_reach(rounds, None) == pytest.approx(quantile * error, rel=1e-5)
