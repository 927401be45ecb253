"""What the page on measuring promises of a timed window, to the last percent."""

import gc
import statistics
from itertools import chain, repeat

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vlmeter.measure.clock import CpuClock
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import LatencyPlan, measure_latency, warm_up
from vlmeter.measure.stopping import fix_rounds

GROUP = LatencyPlan.warmup_group
STUDENTS_T = {2: 12.706205, 3: 4.302653, 4: 3.182446, 5: 2.776445}
"""The 97.5th percentile of Student's t for so many rounds, from a printed table."""


class ListedClock:
    """A clock by which the calls take the listed times, and the last of them from then on."""

    name = "listed"

    def __init__(self, *groups_s):
        times = [groups_s[0], *chain.from_iterable([group] * GROUP for group in groups_s)]
        self._times = chain(times, repeat(groups_s[-1]))
        self._now_s = 0.0

    def now(self):
        return self._now_s

    def synchronize(self):
        pass

    def time_calls(self, calls):
        seconds = [next(self._times) for _ in calls]
        self._now_s += sum(seconds)
        return seconds


@example(2.0, 0.0499, True)
@example(2.0, 0.0501, True)
@example(2.0, 0.0499, False)
@example(2.0, 0.0501, False)
@given(st.floats(0.01, 10.0), st.floats(0.001, 0.5), st.booleans())
@settings(max_examples=30)
def test_two_groups_agree_where_they_differ_by_at_most_five_percent(first_s, share, is_slower):
    """The first two groups end the warm-up, or it goes on until the third is like the second."""
    second_s = first_s * (1 + share) if is_slower else first_s / (1 + share)
    warmup = warm_up(repeat(None), ListedClock(first_s, second_s), LatencyPlan(max_warmup_s=1e9))
    agree = share <= 0.05
    if abs(share - 0.05) > 1e-6:
        assert warmup.iterations == 1 + GROUP * (2 if agree else 3)
    assert warmup.steady
    assert warmup.per_call_s == second_s


def test_the_first_call_is_in_no_group():
    warmup = warm_up(repeat(None), ListedClock(1.0), LatencyPlan())
    assert warmup.iterations == 1 + 2 * GROUP


@given(st.lists(st.lists(st.floats(0.5, 1.5), min_size=3, max_size=3), min_size=2, max_size=5))
@settings(max_examples=30)
def test_the_figure_is_the_median_and_its_interval_is_student_s_over_the_rounds(rounds_s):
    """Whatever the spread: neither the least nor the mean, and as wide as few rounds ask."""
    plan = LatencyPlan(
        window_s=1e-6, min_iterations=3 * len(rounds_s), rule=fix_rounds(len(rounds_s))
    )
    clock = ListedClock(1.0, 1.0)
    clock._times = chain([1.0] * (1 + 2 * GROUP), *rounds_s)
    latency, timings = measure_latency([lambda: None], clock, plan)
    seconds = [second for times in rounds_s for second in times]
    medians = [statistics.median(times) for times in rounds_s]
    assert [(timing.round, timing.seconds) for timing in timings] == [
        (number, second) for number, times in enumerate(rounds_s) for second in times
    ]
    assert latency.latency_s == latency.p50_s == statistics.median(seconds)
    assert latency.mean_s == pytest.approx(statistics.fmean(seconds))
    assert (latency.min_s, latency.max_s) == (min(seconds), max(seconds))
    assert latency.rounds_s == medians
    reach = STUDENTS_T[len(medians)] * statistics.stdev(medians) / len(medians) ** 0.5
    assert latency.high_s - latency.latency_s == pytest.approx(reach, rel=1e-6, abs=1e-9)
    assert latency.low_s == pytest.approx(max(0.0, latency.latency_s - reach), abs=1e-6)
    assert latency.p50_s <= latency.p90_s <= latency.p99_s <= latency.max_s


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_off_in_every_timed_call_and_then_as_before(enabled):
    states = []

    def call(*_):
        states.append(gc.isenabled())

    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        plan = LatencyPlan(window_s=1e-4, min_iterations=3, rule=fix_rounds(3), max_warmup_s=1e-4)
        measure_latency([call], CpuClock(), plan)
        timed = len(states)
        measure_generation(call, CpuClock(), new_tokens=4, batch_size=2, rule=fix_rounds(3))
        after = gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()
    assert timed >= 1 + GROUP + 3
    assert len(states) - timed == 2 * (1 + 3)
    assert not any(states)
    assert after is enabled
