import pytest
import torch
from measure_fakes import FakeClock, FakeTime

from vlmeter.measure.clock import make_clock
from vlmeter.measure.peak import measure_peak


class TickingClock(FakeClock):
    """Every call takes a quarter of a second, whatever it does."""

    def time_calls(self, calls):
        return super().time_calls([self._ticking(call) for call in calls])

    def _ticking(self, call):
        def ticking():
            call()
            self.time.spend(0.25)

        return ticking


def test_the_rate_is_two_operations_per_multiply_add_over_the_time():
    peak = measure_peak("cpu", torch.float32, TickingClock(FakeTime()), window_s=1.0, size=10)
    assert peak.flop_per_s == pytest.approx(2 * 10**3 / 0.25)
    assert peak.dtype == "float32"
    assert peak.iterations == 4


def test_a_real_cpu_has_a_rate():
    peak = measure_peak("cpu", torch.bfloat16, make_clock("cpu"), window_s=0.01, size=64)
    assert peak.flop_per_s > 0
    assert peak.dtype == "bfloat16"
