import pytest
import torch
from simulation.clock import HostClock, SimulatedTime
from simulation.machine import FLOP_PER_S, PRODUCT_SIZE, Settings, SimulatedMachine

from vlmeter.measure.clock import make_clock
from vlmeter.measure.peak import measure_peak


class TickingClock(HostClock):
    """Every call takes a quarter of a second, whatever it does."""

    def time_calls(self, calls):
        return super().time_calls([self._ticking(call) for call in calls])

    def _ticking(self, call):
        def ticking():
            call()
            self.time.spend(0.25)

        return ticking


def test_the_rate_is_two_operations_per_multiply_add_over_the_time():
    peak = measure_peak("cpu", torch.float32, TickingClock(SimulatedTime()), window_s=1.0, size=10)
    assert peak.flop_per_s == pytest.approx(2 * 10**3 / 0.25)
    assert peak.dtype == "float32"
    assert peak.iterations == 4


def test_a_gpu_that_rested_shows_the_rate_of_its_full_clock():
    # Half a second of products would all fall into the time in which its clocks rise.
    machine = SimulatedMachine(Settings(shown=(1,)))
    with machine.installed(), machine.computing_peaks():
        machine.time.sleep(5.0)
        peak = measure_peak("cuda:0", torch.float32, make_clock("cuda:0"))
    assert peak.flop_per_s == pytest.approx(FLOP_PER_S["cuda"])
    # A product that fills a CPU is over on a GPU before its launch is.
    assert peak.size == PRODUCT_SIZE
    assert peak.steady


def test_a_real_cpu_has_a_rate():
    peak = measure_peak("cpu", torch.bfloat16, make_clock("cpu"), window_s=0.01, size=64)
    assert peak.flop_per_s > 0
    assert peak.dtype == "bfloat16"
