"""Windows that end by themselves, on simulated times: what their intervals say stays true."""

import math
from itertools import chain, count
from statistics import fmean

import numpy as np
import pytest

from vlmeter.measure.result import WindowEnd
from vlmeter.measure.spread import compute_half_width_95
from vlmeter.measure.stopping import aim_at, fix_rounds, run_rounds
from vlmeter.metrics.cost_difference import compare_rounds

TRUE_S = 0.1
WINDOWS = 300
CALLS = 10


def run(rounds, rule, capped_after=10**9):
    """Run a window whose rounds give these figures."""
    given, run_so_far = iter(rounds), count(1)
    state = {"rounds": 0}

    def run_round():
        state["rounds"] = next(run_so_far)
        figures = next(given)
        return figures if isinstance(figures, tuple) else (figures,)

    return run_rounds(run_round, rule, lambda: state["rounds"] >= capped_after)


def simulate_rounds(generator, deviation, correlation, windows):
    """Return the medians of ten rounds in each of many windows.

    Args:
        generator: Of the noise.
        deviation: Standard deviation of a call's time, as a share of it.
        correlation: Of each call's noise with that of the one before (AR(1)).
        windows: How many.
    """
    noise = generator.normal(size=(windows, 10 * CALLS))
    for call in range(1, noise.shape[1]):
        fresh = math.sqrt(1 - correlation**2) * noise[:, call]
        noise[:, call] = correlation * noise[:, call - 1] + fresh
    times_s = TRUE_S * (1 + deviation * noise)
    return np.median(times_s.reshape(windows, 10, CALLS), axis=2).tolist()


@pytest.mark.parametrize(
    ("deviation", "correlation", "least_rounds"),
    [(0.005, 0.0, 3.0), (0.045, 0.0, 6.0), (0.012, 0.8, 3.5)],
)
def test_windows_that_end_by_themselves_show_no_false_differences_and_hold_the_true_value(
    deviation, correlation, least_rounds
):
    """A/A, by the decision of the report: at most 5 % false, and 95 % of the intervals hold."""
    windows = simulate_rounds(np.random.default_rng(5), deviation, correlation, 2 * WINDOWS)
    ends = [run(window, aim_at(0.02)) for window in windows]
    measured = [window[: end.rounds] for window, end in zip(windows, ends, strict=True)]
    held = sum(
        abs(fmean(rounds) - TRUE_S) <= compute_half_width_95(rounds, end.looks)
        for rounds, end in zip(measured, ends, strict=True)
    )
    assert held / len(ends) >= 0.95
    looks = ends[0].looks
    false = sum(
        compare_rounds(measured[index], measured[index + 1], looks=(looks, looks)).significant
        for index in range(0, len(measured), 2)
    )
    assert false / WINDOWS <= 0.05
    assert fmean(end.rounds for end in ends) >= least_rounds, "the noise makes it look again"


def test_a_window_ends_at_the_first_look_that_finds_its_interval_narrow_enough():
    wide, narrow = [1.0, 1.5], [1.0] * 8
    end = run(wide + narrow, aim_at(0.5))
    assert (end.rounds, end.ended_by) == (5, "target")
    # The printed quantile of Student's t for 4 degrees of freedom and 1 - 0.025 / 3.
    deviation = np.std([*wide, 1.0, 1.0, 1.0], ddof=1) / math.sqrt(5)
    assert end.half_width == pytest.approx(3.9608 * deviation / 1.1, rel=1e-4)
    assert end == WindowEnd("target", 5, 3, end.half_width, 0.5)


@pytest.mark.parametrize(("share", "rounds"), [(0.999, 5), (1.001, 3)])
def test_a_half_width_of_the_target_itself_is_narrow_enough(share, rounds):
    first = [1.0, 1.01, 0.99]
    reached = run(first + [1.0] * 7, aim_at(1.0)).half_width
    assert run(first + [1.0] * 7, aim_at(share * reached)).rounds == rounds


def test_a_window_that_stays_wide_ends_with_its_last_round_and_says_so():
    end = run([1.0, 2.0] * 5, aim_at(0.02))
    assert (end.ended_by, end.rounds, end.target) == ("cap", 10, 0.02)
    assert end.half_width > 0.02


@pytest.mark.parametrize(("capped_after", "rounds"), [(1, 3), (3, 3), (4, 4), (5, 5), (7, 7)])
def test_a_window_that_lasts_too_long_ends_after_the_rounds_of_the_first_look(capped_after, rounds):
    end = run([1.0, 2.0] * 5, aim_at(0.02), capped_after)
    assert (end.ended_by, end.rounds) == ("cap", rounds)


def test_a_window_at_its_cap_that_is_narrow_enough_reached_its_target():
    assert run([1.0, 1.0001] * 5, aim_at(0.02), capped_after=4).ended_by == "target"


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_a_given_number_of_rounds_is_run_whatever_the_interval_and_the_time(rounds):
    end = run(chain([1.0, 3.0], [1.0] * 9), fix_rounds(rounds), capped_after=1)
    assert (end.ended_by, end.rounds, end.looks, end.target) == ("fixed", rounds, 1, None)
    assert (end.half_width is None) == (rounds == 1)


def test_of_several_figures_the_widest_counts():
    narrow, wide = [1.0] * 10, [1.0, 2.0] * 5
    for pair in (zip(narrow, wide, strict=True), zip(wide, narrow, strict=True)):
        assert run(pair, aim_at(0.02)).ended_by == "cap"
    assert run(zip(narrow, narrow, strict=True), aim_at(0.02)).ended_by == "target"


def test_figures_that_are_not_known_reach_nothing():
    assert run([0.0] * 10, aim_at(0.02)) == WindowEnd("cap", 10, 3, None, 0.02)
    assert run([(0.0, 1.0)] * 10, aim_at(0.02)).half_width is None
