"""Idle watts are read of a machine that is at rest."""

import pytest
from simulation.clock import SimulatedTime

from vlmeter.measure.settling import wait_until_idle


class Drawing:
    """A GPU that draws these watts at successive readings, and the last from then on."""

    def __init__(self, *watts):
        self._watts = list(watts)
        self.readings = 0

    def power_w(self):
        self.readings += 1
        return self._watts.pop(0) if len(self._watts) > 1 else self._watts[0]


def settle(*gpus):
    time = SimulatedTime()
    return wait_until_idle(gpus, time.spend, lambda: time.now_s)


def test_without_a_gpu_half_a_second_must_do():
    assert settle() == (0.5, None)


@pytest.mark.parametrize(
    ("watts", "seconds"),
    [((70.0, 70.8), 2.5), ((110.0, 80.0, 40.0, 20.0, 19.5), 8.5), ((12.0, 12.9), 2.5)],
)
def test_it_waits_until_two_readings_agree(watts, seconds):
    gpu = Drawing(*watts)
    assert settle(gpu) == (seconds, True)
    assert gpu.readings == len(watts)


def test_it_waits_ten_seconds_at_most():
    assert settle(Drawing(*(300.0 - 20 * step for step in range(12)))) == (8.5, False)


def test_all_gpus_count_that_report_their_power():
    assert settle(Drawing(None), Drawing(90.0, 60.0, 60.0)).settle_s == 4.5
    assert settle(Drawing(None)) == (0.5, None)


def test_a_gpu_that_falls_silent_is_waited_for_no_longer():
    assert settle(Drawing(90.0, None)) == (2.5, None)
