"""Laws of the difference of two cells of two studies: each arm is that of its own cell."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_factory import make_row, rounds_of

from vlmeter.metrics.cost_difference import Repeatability, compare_rounds
from vlmeter.metrics.figure import Figure
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.matching import Pair
from vlmeter.results.repeatability import DeviceRepeats, Repeats
from vlmeter.results.study_differences import UNPAIRED, compare_cost, compare_quality

NOWHERE = Path("there is no such study")
WIDTHS = st.floats(0.0, 5.0)
FEW = settings(max_examples=30)


def make_scored(value: float, below: float | None, above: float | None) -> Any:
    low = None if below is None else value - below
    high = None if above is None else value + above
    figure = Figure("anls", "ANLS", value, low, high, higher_is_better=True, scored=9)
    return make_row(metrics=json.dumps([vars(figure)]))


def compare_unpaired(a: Any, b: Any) -> Difference:
    compared = compare_quality(Pair(a, b), "anls", NOWHERE, NOWHERE)
    assert compared.how == UNPAIRED
    return compared.difference


@given(st.floats(-9, 9), st.floats(-9, 9), WIDTHS, WIDTHS)
@FEW
def test_beside_an_exact_figure_the_interval_is_that_of_the_other(a, b, below, above):
    after = compare_unpaired(make_scored(a, 0, 0), make_scored(b, below, above))
    assert vars(after) == pytest.approx(
        {"estimate": b - a, "low": b - below - a, "high": b + above - a}, abs=1e-9
    )
    before = compare_unpaired(make_scored(a, below, above), make_scored(b, 0, 0))
    assert vars(before) == pytest.approx(
        {"estimate": b - a, "low": b - (a + above), "high": b - (a - below)}, abs=1e-9
    )


@given(st.tuples(st.floats(-9, 9), WIDTHS, WIDTHS), st.tuples(st.floats(-9, 9), WIDTHS, WIDTHS))
@FEW
def test_the_interval_holds_its_estimate_and_turns_with_its_sign(a, b):
    plain = compare_unpaired(make_scored(*a), make_scored(*b))
    swapped = compare_unpaired(make_scored(*b), make_scored(*a))
    assert plain.low <= plain.estimate <= plain.high
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low), abs=1e-9)
    reach = max(a[2], b[1]), max(a[1], b[2])
    assert plain.estimate - plain.low >= reach[0] - 1e-9
    assert plain.high - plain.estimate >= reach[1] - 1e-9


@pytest.mark.parametrize("lacking", ["a", "b"])
def test_without_an_interval_of_either_there_is_none(lacking):
    figures = {"a": make_scored(1.0, 0.1, 0.2), "b": make_scored(2.0, 0.3, 0.4)}
    figures[lacking] = make_scored(1.5, None, None)
    difference = compare_unpaired(figures["a"], figures["b"])
    assert (difference.low, difference.high) == (None, None)


def repeat_on(cost: str, device: str, deviation: float, freedom: int) -> Repeats:
    """Return how well a cost repeats on a device; elsewhere it repeats much worse."""
    own = DeviceRepeats(deviation, freedom, 0, 0, 0, 0)
    other = DeviceRepeats(5.0, 1, 0, 0, 0, 0)
    kinds = {"latency": {"cpu": other, "cuda": other}, "energy": {"cpu": other, "cuda": other}}
    kinds[cost] = {**kinds[cost], device: own}
    return Repeats(**kinds)


@pytest.mark.parametrize("cost", ["latency", "energy"])
def test_a_cost_is_compared_with_the_repeatability_of_each_study_s_own_device(cost):
    rounds_a, rounds_b = [1.0, 1.1, 1.2], [3.0, 3.3]
    a = make_row(device="cpu", **rounds_of(cost, rounds_a))
    b = make_row(device="cuda", **rounds_of(cost, rounds_b))
    repeats_a, repeats_b = repeat_on(cost, "cpu", 0.2, 3), repeat_on(cost, "cuda", 0.6, 9)
    compared = compare_cost(Pair(a, b), cost, repeats_a, repeats_b)
    assert (compared.a, compared.b, compared.base) == (1.0, 3.0, pytest.approx(1.1))
    both = Repeatability(0.6, 9), Repeatability(0.2, 3)
    assert compared.difference == compare_rounds(rounds_b, rounds_a, repeats=both)
    assert compared.difference.estimate == pytest.approx(2.05)


def test_where_a_study_repeats_nothing_the_rounds_alone_decide():
    a, b = (make_row(**rounds_of("latency", rounds)) for rounds in ([1.0, 1.1], [2.0, 2.1]))
    noisy = repeat_on("latency", "cpu", 0.5, 9)
    for both in ((noisy, Repeats()), (Repeats(), noisy)):
        difference = compare_cost(Pair(a, b), "latency", *both).difference
        assert difference == compare_rounds([2.0, 2.1], [1.0, 1.1])
