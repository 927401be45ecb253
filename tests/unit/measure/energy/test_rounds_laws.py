"""At both ends of a round the device is waited for before anything is read, whatever reads it."""

from contextlib import nullcontext

import pytest

from vlmeter.measure.energy.counter_window import CounterWindow
from vlmeter.measure.energy.counters import EnergyCounter
from vlmeter.measure.energy.rounds import Runner
from vlmeter.measure.stopping import fix_rounds

POWER_W, CALL_S, HOST_S = 50.0, 0.1, 1e-3


class Device:
    """A device that works behind the host's back: a call returns at once, and its work is later.

    What is read while it still works is of a time at which the work is not done.
    """

    name = "device"

    def __init__(self):
        self.host_s = self.busy_until_s = self.started_s = 0.0
        self.events = []

    def call(self):
        self.events.append("call")
        self.host_s += HOST_S
        self.busy_until_s = max(self.busy_until_s, self.host_s) + CALL_S

    def synchronize(self):
        self.events.append("wait")
        self.host_s = max(self.host_s, self.busy_until_s)

    def now(self):
        return self.host_s

    def read_j(self):
        self.events.append("counter")
        return POWER_W * self.host_s

    def start(self):
        self.events.append("start")
        self.started_s = self.host_s

    def stop(self):
        self.events.append("stop")
        return {"cpu": POWER_W * (self.host_s - self.started_s)}


@pytest.fixture
def device():
    return Device()


@pytest.fixture
def rounds(device):
    counter = EnergyCounter("cpu", "a counter", device.read_j, wrap_j=None, update_s=0.001)
    windows = [CounterWindow(counter)]
    calls = iter(lambda: device.call, None)
    runner = Runner(calls, device, device, windows, watch=lambda: None)
    rounds, _ = runner.run(3.0, 0.0, fix_rounds(3), lambda _: 1.0, lambda *_: nullcontext())
    return rounds


def test_at_both_ends_of_a_round_the_device_is_waited_for_before_anything_is_read(device, rounds):
    events = device.events
    ends = [place for place, event in enumerate(events) if event in ("start", "stop")]
    assert [events[place] for place in ends] == ["start", "stop"] * 3
    reads = [place for place, event in enumerate(events) if event == "counter"]
    for place in (*ends, *reads):
        # Since the last wait nothing was given to the device.
        assert [event for event in events[:place] if event in ("call", "wait")][-1] == "wait"


def test_a_round_s_time_and_energy_are_those_of_its_own_work(device, rounds):
    (window,) = rounds.counters
    for seconds, batches, tracked, joules in zip(
        rounds.seconds, rounds.batches, rounds.tracked_j, window.rounds_j, strict=True
    ):
        assert seconds == pytest.approx(batches * CALL_S, rel=0.02)
        assert seconds >= 1.0
        assert joules == pytest.approx(POWER_W * seconds)
        assert tracked["cpu"] == pytest.approx(POWER_W * seconds)
