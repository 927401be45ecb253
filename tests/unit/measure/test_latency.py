import statistics

import pytest
from simulation.clock import HostClock, SimulatedTime
from simulation.cuda import make_card_clock, make_cuda

from vlmeter.measure.clock import make_clock
from vlmeter.measure.latency import LatencyPlan, measure_latency
from vlmeter.measure.stopping import aim_at, fix_rounds
from vlmeter.results.summary_row import SUMMARY_COLUMNS


def measure(*steps, time, **plan):
    clock = HostClock(time)
    latency, _ = measure_latency(steps, clock, LatencyPlan(**plan), threads=2)
    return latency


def test_a_model_of_given_cost_gives_exactly_that_cost():
    time = SimulatedTime()
    latency = measure(
        time.call(0.02), time=time, window_s=2.0, min_iterations=10, rule=fix_rounds(4)
    )
    assert latency.latency_s == pytest.approx(0.02, rel=1e-9)
    assert [latency.mean_s, latency.p99_s] == pytest.approx([0.02] * 2)
    assert latency.rounds_s == pytest.approx([0.02] * 4)
    assert [latency.low_s, latency.high_s] == pytest.approx([0.02] * 2)
    assert latency.stdev_s == pytest.approx(0.0, abs=1e-12)
    assert latency.iterations >= 100
    assert latency.threads == 2
    assert latency.clock == "simulated"


def test_a_cuda_model_of_given_cost_gives_exactly_that_cost():
    cuda = make_cuda(SimulatedTime())
    plan = LatencyPlan(window_s=1.0, min_iterations=8, rule=fix_rounds(2))
    calls = [lambda: cuda.current.work(0.025)]
    latency, _ = measure_latency(calls, make_card_clock(cuda), plan)
    assert latency.latency_s == pytest.approx(0.025)
    assert latency.window_s == pytest.approx(0.025 * latency.iterations)
    # An event's record is on top of the work, so that half a second may need a pass more.
    assert 40 <= latency.iterations <= 42


def test_the_window_lasts_long_enough_and_holds_enough_iterations():
    time = SimulatedTime()
    slow = measure(time.call(3.0), time=time, window_s=2.0, min_iterations=10, rule=fix_rounds(5))
    assert slow.iterations == 10
    assert slow.window_s == pytest.approx(30.0)
    fast = measure(time.call(0.01), time=time, window_s=2.0, min_iterations=10, rule=fix_rounds(5))
    assert fast.window_s >= 2.0
    assert fast.iterations >= 200


def test_more_rounds_than_iterations_still_gives_every_round_one():
    time = SimulatedTime()
    latency = measure(time.call(1.0), time=time, window_s=0.1, min_iterations=2, rule=fix_rounds(5))
    assert latency.rounds_s == [1.0] * 5


def test_distinct_batches_take_turns():
    time = SimulatedTime()
    seen = []
    steps = [lambda name=name: (seen.append(name), time.spend(0.1)) for name in "abc"]
    measure(*steps, time=time, window_s=1.0, min_iterations=9, rule=fix_rounds(3))
    assert seen == [("abc" * len(seen))[i] for i in range(len(seen))]


def test_warm_up_lasts_until_two_groups_agree():
    time = SimulatedTime()
    # One call apart, groups of three with medians 4, 2, 1 and 1.
    step = time.call(9.0, 4, 4, 4, 2, 2, 2, 1.0)
    latency = measure(step, time=time, window_s=3.0, min_iterations=3, rule=fix_rounds(1))
    assert latency.steady
    assert latency.warmup_iterations == 1 + 4 * 3
    assert latency.max_s == 1.0


def test_warm_up_ends_at_its_cap_and_says_that_it_was_not_steady():
    time = SimulatedTime()
    step = time.call(*[1.5**-i for i in range(40)])
    latency = measure(
        step, time=time, window_s=0.001, min_iterations=1, rule=fix_rounds(1), max_warmup_s=2.5
    )
    assert not latency.steady
    assert latency.warmup_iterations < 40


@pytest.mark.parametrize("call_s", [0.002, 0.05, 0.4])
def test_warm_up_lasts_its_least_time_however_soon_the_times_agree(call_s):
    time = SimulatedTime()
    # The clocks are low at first, and steady there.
    step = time.call(*[3 * call_s] * (int(0.7 / (3 * call_s)) + 1), call_s)
    latency = measure(
        step, time=time, window_s=1.0, min_iterations=3, rule=fix_rounds(1), min_warmup_s=1.0
    )
    assert latency.max_s == pytest.approx(call_s)
    assert latency.steady


def test_a_cap_below_the_least_warm_up_ends_it_and_says_that_it_was_not_steady():
    time = SimulatedTime()
    latency = measure(
        time.call(0.01),
        time=time,
        window_s=0.1,
        min_iterations=1,
        rule=fix_rounds(1),
        min_warmup_s=1.0,
        max_warmup_s=0.1,
    )
    assert not latency.steady
    assert 10 <= latency.warmup_iterations <= 13


def test_every_raw_time_is_kept_with_its_round():
    time = SimulatedTime()
    plan = LatencyPlan(window_s=2.0, min_iterations=4, rule=fix_rounds(2))
    _, timings = measure_latency([time.call(0.5)], HostClock(time), plan)
    assert timings == [
        ("forward", 0, 0, 0.5),
        ("forward", 0, 1, 0.5),
        ("forward", 1, 2, 0.5),
        ("forward", 1, 3, 0.5),
    ]


def test_the_interval_comes_from_the_spread_of_the_rounds():
    time = SimulatedTime()
    # Warm-up of 7, then rounds with medians 1.0, 1.2 and 1.1.
    step = time.call(*[1.0] * 7, 1.0, 1.0, 1.2, 1.2, 1.1, 1.1)
    latency = measure(step, time=time, window_s=0.1, min_iterations=6, rule=fix_rounds(3))
    half = 4.302653 * statistics.stdev([1.0, 1.2, 1.1]) / 3**0.5
    assert latency.latency_s == pytest.approx(1.1)
    assert latency.low_s == pytest.approx(1.1 - half)
    assert latency.high_s == pytest.approx(1.1 + half)


def test_one_round_has_no_interval_and_one_iteration_no_spread():
    time = SimulatedTime()
    latency = measure(time.call(1.0), time=time, window_s=0.1, min_iterations=1, rule=fix_rounds(1))
    assert latency.low_s is latency.high_s is latency.stdev_s is None


def test_percentiles_interpolate():
    time = SimulatedTime()
    step = time.call(*[1.0] * 7, *[float(value) for value in range(1, 12)])
    latency = measure(step, time=time, window_s=0.1, min_iterations=11, rule=fix_rounds(1))
    assert (latency.min_s, latency.p50_s, latency.p90_s, latency.max_s) == (1.0, 6.0, 10.0, 11.0)
    assert latency.p99_s == pytest.approx(10.9)


def test_a_call_below_the_clock_s_resolution_does_not_hang():
    time = SimulatedTime()
    latency = measure(
        time.call(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1),
        time=time,
        window_s=0.2,
        min_iterations=1,
        rule=fix_rounds(1),
    )
    assert latency.window_s >= 0.2


def test_a_real_call_on_the_cpu_is_timed():
    plan = LatencyPlan(window_s=0.02, min_iterations=5, rule=fix_rounds(2), max_warmup_s=0.5)
    latency, _ = measure_latency([lambda: sum(range(1000))], make_clock("cpu"), plan)
    assert 0 < latency.min_s <= latency.latency_s <= latency.max_s
    assert latency.window_s >= 0.02


def test_a_window_of_a_target_ends_after_its_first_look_or_as_its_cap_says():
    time = SimulatedTime()
    rule = aim_at(0.02)
    steady = measure(time.call(0.02), time=time, window_s=2.0, rule=rule)
    assert (steady.end.ended_by, len(steady.rounds_s)) == ("target", 3)
    assert 0.6 <= steady.window_s <= 0.7
    # Slow passes are a round each, and the window ends once they are enough and long enough.
    pass_s = [1.0] * 7 + [1.0, 2.0] * 20
    slow = measure(time.call(*pass_s), time=time, window_s=5.0, min_iterations=7, rule=rule)
    assert (slow.end.ended_by, slow.iterations, slow.window_s) == ("cap", 7, pytest.approx(10.0))
    short = measure(time.call(*pass_s), time=time, window_s=8.0, min_iterations=2, rule=rule)
    assert (short.end.ended_by, short.iterations, short.window_s) == ("cap", 6, pytest.approx(9.0))


def test_the_interval_of_a_window_of_a_target_is_that_of_all_looks_together():
    time = SimulatedTime()
    step = time.call(*[1.0] * 7, 1.0, 1.01, 0.99)
    latency = measure(step, time=time, window_s=0.1, min_iterations=3, rule=aim_at(0.05))
    # The printed quantile of Student's t for 2 degrees of freedom and 1 - 0.025 / 3.
    half = 7.6488 * 0.01 / 3**0.5
    assert latency.end.half_width == pytest.approx(half, rel=1e-4)
    assert (latency.low_s, latency.high_s) == pytest.approx((1 - half, 1 + half), rel=1e-5)


def test_the_rounds_are_medians_and_their_column_says_so():
    time = SimulatedTime()
    step = time.call(*[1.0] * 7, 1.0, 1.0, 4.0, 2.0, 2.0, 8.0)
    latency = measure(step, time=time, window_s=0.1, min_iterations=6, rule=fix_rounds(2))
    assert latency.rounds_s == [1.0, 2.0]
    words = {column.name: column.description for column in SUMMARY_COLUMNS}
    assert words["latency_rounds_s"].startswith("Median of each round")
