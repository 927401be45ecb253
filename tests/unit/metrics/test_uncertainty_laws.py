"""Laws of intervals and differences that hold for all samples."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics.base import Statistic, mean, median, ratio
from vlmeter.metrics.uncertainty import bootstrap, compute_difference

RESAMPLES = 60
VALUES = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 3))
POWERS_OF_TWO = st.sampled_from([2.0, 1024.0, 2.0**-10])
"""Factors that round nothing: degrees of freedom are cut to whole ones, so last digits count."""
KINDS = st.sampled_from(list(Statistic))
FEW = settings(max_examples=25)
STUDENTS_T = {2: 12.7062, 5: 2.7764, 20: 2.0930}
"""The 97.5th percentile for a sample of so many, from a printed table."""


def contribute(values, kind):
    return mean(values) if kind is Statistic.RATIO else median(values)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=20), KINDS, st.integers(1, 5))
@FEW
def test_every_interval_over_samples_holds_its_estimate(pairs, kind, resamples):
    """Of a single resample too, which may lie anywhere."""
    a, b = (contribute(values, kind) for values in zip(*pairs, strict=True))
    for seed in range(5):
        interval = bootstrap(a, seed=seed, resamples=resamples)
        difference = compute_difference(a, b, seed=seed, resamples=resamples)
        for result in (interval, difference):
            assert result.low <= result.estimate <= result.high
        assert interval.estimate == a.value
        assert difference.estimate == a.value - b.value


@given(
    st.lists(VALUES, min_size=2, max_size=20),
    KINDS,
    POWERS_OF_TWO,
)
@FEW
def test_another_unit_of_the_samples_is_another_unit_of_the_interval(values, kind, factor):
    plain, scaled = (
        bootstrap(contribute([value * by for value in values], kind), seed=1, resamples=RESAMPLES)
        for by in (1.0, factor)
    )
    assert (scaled.estimate, scaled.low, scaled.high) == pytest.approx(
        (plain.estimate * factor, plain.low * factor, plain.high * factor), abs=1e-9
    )


@given(st.lists(st.tuples(VALUES, VALUES), min_size=2, max_size=20), KINDS)
@FEW
def test_the_order_of_two_figures_is_the_sign_of_their_difference(pairs, kind):
    a, b = (contribute(values, kind) for values in zip(*pairs, strict=True))
    plain, swapped = (
        compute_difference(*both, seed=3, resamples=RESAMPLES) for both in ((a, b), (b, a))
    )
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low), abs=1e-6)


@given(st.lists(st.tuples(VALUES, st.integers(1, 9)), min_size=1, max_size=20), KINDS, st.randoms())
@FEW
def test_the_order_of_samples_does_not_matter_to_the_estimate(samples, kind, random):
    def estimate(rows):
        values, weights = zip(*rows, strict=True)
        figure = median(values) if kind is Statistic.MEDIAN else ratio(values, weights)
        return bootstrap(figure, seed=0, resamples=1).estimate

    shuffled = random.sample(samples, len(samples))
    assert estimate(shuffled) == pytest.approx(estimate(samples), abs=1e-9)


@given(st.lists(VALUES, min_size=3, max_size=20, unique=True))
@FEW
def test_more_confidence_asks_for_a_wider_interval_of_samples(values):
    zeros = mean([0.0] * len(values))
    for compute in (bootstrap, lambda figure, **more: compute_difference(figure, zeros, **more)):
        narrow, wide = (
            compute(mean(values), seed=0, resamples=400, confidence=share) for share in (0.5, 0.95)
        )
        assert wide.low <= narrow.low
        assert narrow.high <= wide.high
        assert wide.high - wide.low > narrow.high - narrow.low


@pytest.mark.parametrize(("count", "quantile"), STUDENTS_T.items())
def test_percentiles_go_further_out_the_fewer_the_samples(count, quantile):
    """Hesterberg's rule, with the sample's spread over n made that over n - 1."""
    values = np.random.default_rng(5).exponential(size=count)
    draws = np.random.default_rng(1).integers(0, count, size=(20_000, count))
    tail = NormalDist().cdf(-math.sqrt(count / (count - 1)) * quantile)
    expected = np.quantile(values[draws].mean(axis=1), [tail, 1 - tail], method="weibull")
    interval = bootstrap(mean(values), seed=1, resamples=20_000)
    assert (interval.low, interval.high) == pytest.approx(expected.tolist(), rel=1e-3)
