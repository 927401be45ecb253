"""The energy of a device whose counter moves only now and then, against its true energy."""

import itertools
import statistics
from time import perf_counter, sleep

import pytest
from fake_nvml import FakeNvml
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import ENERGY, ENERGY_SETTINGS
from simulation.clock import HostClock, SimulatedTime
from simulation.power import Counter, Supply, make_counter
from simulation.tracker import make_tracker

from vlmeter.measure.clock import CpuClock
from vlmeter.measure.energy.meter import EnergyMeter
from vlmeter.measure.nvml import open_gpus
from vlmeter.measure.stopping import fix_rounds

WATTS = {"cpu": 50.0, "ram": 20.0}
WORK_W, REST_W = 500.0, 100.0
LARGEST_ERROR_S = 0.010
"""docs/measuring.md: what the two ends of a round are known to together, of the power at work."""


def meter_of(readings, tracker, **options):
    """A meter of GPUs whose counters are read so."""
    return EnergyMeter(
        ENERGY,
        ENERGY_SETTINGS,
        open_gpus(FakeNvml(*({} for _ in readings))),
        tracker=tracker,
        counters=[make_counter(f"gpu{index}", read) for index, read in enumerate(readings)],
        **options,
    )


def energy_of(parts, phases_s=(0.0,), *, window_s, repeats=3):
    """Measure steps of such parts on devices whose counters move at such phases.

    Returns:
        The energy's block, the true joules of a step on one device, and the calls that were made.
    """
    time = SimulatedTime()
    supplies = [Supply(REST_W) for _ in phases_s]
    pairs = zip(supplies, phases_s, strict=True)
    readings = [Counter(supply, time, phase_s).read_j for supply, phase_s in pairs]
    calls = []

    def step():
        calls.append(time.now_s)
        for seconds, watts in parts:
            for supply in supplies:
                supply.draw(time.now_s, time.now_s + seconds, watts)
            time.spend(seconds)

    energy = meter_of(
        readings, make_tracker(time, WATTS, cost_s=0.0007), follow=time.follow
    ).measure(
        [step], HostClock(time), window_s=window_s, samples_per_batch=1, rule=fix_rounds(repeats)
    )
    return energy, sum(seconds * watts for seconds, watts in parts), calls


def errors(energy, true_j):
    """Of each device that has a counter, as a share of the true energy."""
    gpus = [part for part in energy.components if part.device.startswith("gpu")]
    assert all(part.reason is None for part in gpus)
    return [part.energy_j / energy.batches / true_j - 1.0 for part in gpus]


@settings(max_examples=20, deadline=None)
@given(phase_s=st.floats(0.0, 0.1), step_s=st.floats(0.004, 0.9))
def test_a_round_s_energy_is_within_the_stated_error_at_any_phase_of_the_counter(phase_s, step_s):
    energy, true_j, _ = energy_of([(step_s, WORK_W)], [phase_s], window_s=3.0)
    (error,) = errors(energy, true_j)
    assert abs(error) * energy.window_s / 3 <= LARGEST_ERROR_S
    rounds = [joules - 70.0 * step_s for joules in energy.rounds_j]
    for joules in rounds:
        assert abs(joules / true_j - 1.0) * energy.window_s / 3 <= 1.2 * LARGEST_ERROR_S


@pytest.mark.parametrize("step_s", [0.007, 0.03, 0.4])
def test_over_all_phases_the_counter_s_ticks_leave_no_bias(step_s):
    shares = []
    for index in range(10):
        energy, true_j, _ = energy_of([(step_s, WORK_W)], [0.0101 * index], window_s=3.0)
        shares += errors(energy, true_j)
    assert abs(statistics.fmean(shares)) < 0.001
    assert statistics.pstdev(shares) < 0.002


def test_power_that_changes_within_a_step_is_weighted_as_in_whole_steps():
    # Prefill and decoding of a generation.
    parts = [(0.05, 700.0), (0.45, 300.0)]
    shares = []
    for index in range(10):
        energy, true_j, _ = energy_of(parts, [0.0101 * index], window_s=9.0)
        shares += errors(energy, true_j)
    assert abs(statistics.fmean(shares)) < 0.002
    assert max(map(abs, shares)) < 0.01


def test_counters_that_move_at_different_times_are_each_followed():
    energy, true_j, _ = energy_of([(0.3, WORK_W)], [0.01, 0.055, 0.093], window_s=3.0)
    assert max(map(abs, errors(energy, true_j))) < 0.003


def test_work_goes_on_until_the_counter_moves_and_is_in_no_round():
    energy, _, calls = energy_of([(0.03, WORK_W)], [0.05], window_s=3.0)
    apart = len(calls) - energy.batches
    # One to time it, then until the counter moves before, between and after the three rounds.
    assert 1 + 4 <= apart <= 1 + 4 * 4
    gaps = [after - before - 0.03 for before, after in itertools.pairwise(calls)]
    assert max(gaps) < 0.005, "the device rests"


def test_least_updates_hold_for_each_round():
    energy, _, _ = energy_of([(0.02, WORK_W)], window_s=2.0, repeats=4)
    assert energy.components[2].reason == (
        "a round of 0.5 s holds about 5 updates of the counter and 10 are needed: lengthen the"
        " window, or split it into fewer rounds"
    )


class QueueingDevice:
    """A device that works through what calls leave it, and the clock that waits for it."""

    def __init__(self, time):
        self.time, self.busy_until_s = time, 0.0
        self.now = lambda: time.now_s

    def step(self):
        self.busy_until_s = max(self.busy_until_s, self.time.now_s) + 0.1

    def synchronize(self):
        self.time.wait_until(self.busy_until_s)


def test_a_call_that_only_queues_work_is_timed_to_the_end_of_that_work():
    device = QueueingDevice(SimulatedTime())
    energy = meter_of([], make_tracker(device.time, WATTS)).measure(
        [device.step], device, window_s=3.0, samples_per_batch=1, rule=fix_rounds(3)
    )
    # Ten in each round, or one more where the sum of their times falls short of a second.
    assert 30 <= energy.batches <= 33


@pytest.mark.parametrize("poll_every_s", [0.02, 0.05])
def test_ticks_that_are_seen_too_late_to_be_timed_give_no_figure(poll_every_s):
    time = SimulatedTime(poll_every_s=poll_every_s)
    counter = Counter(Supply(REST_W), time)
    energy = meter_of([counter.read_j], make_tracker(time, WATTS), follow=time.follow).measure(
        [lambda: time.spend(0.3)],
        HostClock(time),
        window_s=2.0,
        samples_per_batch=1,
        rule=fix_rounds(1),
    )
    assert "could not be timed" in energy.components[2].reason


def test_a_thread_follows_a_counter_while_a_call_blocks():
    def read_j():
        return WORK_W * (perf_counter() // 0.1) * 0.1

    energy = meter_of([read_j], make_tracker(SimulatedTime(), WATTS)).measure(
        [lambda: sleep(0.27)], CpuClock(), window_s=1.1, samples_per_batch=1, rule=fix_rounds(1)
    )
    assert energy.components[2].power_w == pytest.approx(WORK_W, rel=0.02)
