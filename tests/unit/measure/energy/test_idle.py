"""Idle watts are those of a machine that rests."""

from dataclasses import replace

import pytest
from fake_nvml import FakeNvml, gpu
from machines import ENERGY, ENERGY_SETTINGS
from simulation.clock import HostClock, SimulatedTime
from simulation.power import make_counter
from simulation.tracker import make_tracker

from vlmeter.measure.conditions import CpuSeconds, HostReading
from vlmeter.measure.energy import idle as module
from vlmeter.measure.energy.idle import measure_idle_watts
from vlmeter.measure.energy.meter import EnergyMeter
from vlmeter.measure.nvml import open_gpus

WATTS = {"cpu": 10.0, "ram": 6.0}
SETTINGS = replace(ENERGY_SETTINGS, min_window_s=1.0)
BUSY = (
    "other processes took {}% of the machine's processor time while idle power was read, "
    "and 10% are allowed"
)


@pytest.fixture
def read_idle(monkeypatch):
    """Read a machine's idle power while others take a share of its processors' time."""

    def read(foreign, own=0.0, window_s=5.0, gpus=(), counters=(), **options):
        time = SimulatedTime()
        counters = [make_counter(name, lambda: 1.0 + 9.0 * time.now_s, 0.001) for name in counters]
        cards = [f"gpu{each.index}" for each in gpus]
        counters += [make_counter(name, lambda: 1.0 + 70.0 * time.now_s) for name in cards]
        fakes = {"tracker": make_tracker(time, WATTS), "counters": counters, "follow": time.follow}
        monkeypatch.setattr(module, "sleep", time.spend)
        monkeypatch.setattr(module, "CpuClock", lambda: HostClock(time))
        monkeypatch.setattr(module, "EnergyMeter", lambda *given: EnergyMeter(*given, **fakes))

        def read_host():
            # A system that counts nothing has no time of its processors.
            total = 4 * time.now_s if foreign is not None else 0.0
            busy = (own + (foreign or 0.0)) * total
            return HostReading(2.5, None, None, CpuSeconds(busy, total, own * total))

        return measure_idle_watts(ENERGY, SETTINGS, window_s, gpus, host=read_host, **options)

    return read


@pytest.mark.parametrize(("foreign", "own"), [(0.0, 0.0), (0.09, 0.0), (0.10, 0.0), (0.05, 0.6)])
def test_power_of_a_machine_at_rest_stands_by_device(read_idle, foreign, own):
    idle = read_idle(foreign, own)
    assert idle.power_w == pytest.approx(WATTS)
    assert idle.reason == {}
    assert idle.foreign_cpu_share == pytest.approx(foreign)
    assert (idle.window_s, idle.load) == (pytest.approx(5.0, abs=0.06), 2.5)


@pytest.mark.parametrize("foreign", [0.11, 0.25, 0.99])
def test_power_of_a_busy_machine_is_empty_with_the_share(read_idle, foreign):
    idle = read_idle(foreign)
    assert idle.power_w == {"cpu": None, "ram": pytest.approx(6.0)}, "a constant is what it is"
    assert idle.reason == {"cpu": BUSY.format(round(100 * foreign))}
    assert idle.foreign_cpu_share == pytest.approx(foreign)


def test_memory_with_a_counter_works_for_others_too(read_idle):
    assert read_idle(0.05, counters=["ram"]).power_w["ram"] == pytest.approx(9.0)
    assert set(read_idle(0.5, counters=["ram"]).reason) == {"cpu", "ram"}


def test_a_gpu_rests_whatever_the_processors_do_but_not_where_others_have_it(read_idle):
    gpus = open_gpus(FakeNvml(gpu("a"), gpu("b")))
    idle = read_idle(0.5, gpus=gpus, not_idle={"gpu1": "another has it"})
    assert idle.power_w["gpu0"] == pytest.approx(70.0)
    assert idle.power_w["gpu1"] is None
    assert idle.reason == {"cpu": BUSY.format(50), "gpu1": "another has it"}


def test_a_power_that_could_not_be_read_keeps_its_own_reason(read_idle):
    reason = read_idle(0.5, window_s=0.5).reason["cpu"]
    assert reason.startswith("the window was 0.5")


def test_a_system_that_counts_no_time_of_its_processors_is_taken_as_it_is(read_idle):
    idle = read_idle(None)
    assert idle.power_w == pytest.approx(WATTS)
    assert idle.foreign_cpu_share is None
