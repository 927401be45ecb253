"""What a cell's windows cost in time, by the clock of a simulated machine."""

import random
from dataclasses import replace

import pytest
from machines import ENERGY, ENERGY_SETTINGS
from simulation.clock import HostClock, SimulatedTime
from simulation.power import make_counter
from simulation.tracker import make_tracker

from vlmeter.axes import AXES
from vlmeter.config.schema import MeasureConfig
from vlmeter.measure.energy.meter import EnergyMeter
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import LatencyPlan, measure_latency, plan_rounds
from vlmeter.study.settings import build_measure_settings

DEFAULTS = build_measure_settings(MeasureConfig())
NEW_TOKENS = next(axis.default for axis in AXES if axis.name == "new_tokens")
"""Those of the published study, which sets none of them."""
THREE_ROUNDS = replace(DEFAULTS, repeats=3)
"""What every window had before it could end by its interval."""
PASS_S, FIRST_S, FURTHER_S, WATTS = 0.025, 0.04, 0.02, 50.0


class SteadyMachine:
    """A machine whose passes vary by half a percent, with a counter of its energy."""

    def __init__(self):
        self.time, self.noise = SimulatedTime(), random.Random(3)
        self.clock = HostClock(self.time)
        self.meter = EnergyMeter(
            ENERGY,
            ENERGY_SETTINGS,
            tracker=make_tracker(self.time, {"cpu": WATTS, "ram": 20.0}),
            counters=[make_counter("cpu", lambda: WATTS * self.time.now_s)],
            follow=self.time.follow,
        )

    def work(self, seconds):
        self.time.spend(seconds * self.noise.gauss(1.0, 0.005))

    def generate(self, new_tokens):
        self.work(FIRST_S + FURTHER_S * (new_tokens - 1))

    def measure_energy(self, step, measure):
        return self.meter.measure(
            [step],
            self.clock,
            window_s=measure.energy.window_s,
            samples_per_batch=1,
            rule=plan_rounds(measure),
        )


def measure_windows(measure):
    """Run the windows of a cell; return how each ended, and what all of them took."""
    machine = SteadyMachine()
    rule = plan_rounds(measure)
    plan = LatencyPlan(measure.window_s, measure.min_iterations, rule, min_warmup_s=1.0)
    latency, _ = measure_latency([lambda: machine.work(PASS_S)], machine.clock, plan)
    energy = machine.measure_energy(lambda: machine.work(PASS_S), measure)
    generation, _ = measure_generation(
        machine.generate, machine.clock, NEW_TOKENS, 1, rule, measure.window_s
    )
    decoding = machine.measure_energy(lambda: machine.generate(NEW_TOKENS), measure)
    ends = [it.end for it in (latency, energy, generation, decoding)]
    return ends, machine.time.now_s


def test_a_cell_on_a_steady_machine_takes_at_most_half_of_the_time_for_the_same_interval():
    target = DEFAULTS.target_interval
    ends, seconds = measure_windows(DEFAULTS)
    before, seconds_before = measure_windows(THREE_ROUNDS)
    assert {end.ended_by for end in ends} == {"target"}
    assert all(end.half_width <= target for end in (*ends, *before)), "both are as sharp as asked"
    assert seconds_before == pytest.approx(35.0, abs=3.0)
    assert seconds <= 0.5 * seconds_before


def test_a_restless_machine_takes_no_longer_than_the_caps(monkeypatch):
    monkeypatch.setattr(random.Random, "gauss", lambda chance, *_: chance.choice((0.5, 1.5)))
    ends, seconds = measure_windows(DEFAULTS)
    assert {end.ended_by for end in ends} == {"cap"}
    _, seconds_before = measure_windows(THREE_ROUNDS)
    # Rounds that are shorter have more ends, at each of which a tick is waited for.
    assert seconds <= 1.5 * seconds_before
