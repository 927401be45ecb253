"""A window that was disturbed is measured again while the caps of the windows leave time for it."""

import pytest
from simulation.clock import SimulatedTime

from vlmeter.cell.worker.windows import Windows
from vlmeter.measure.conditions import ConditionsProbe, CpuSeconds, HostReading
from vlmeter.measure.result import MissingConditions


class Machine:
    """A machine whose processors others have until a moment."""

    def __init__(self, busy_until_s):
        self.time, self.busy_until_s = SimulatedTime(), busy_until_s
        probe = ConditionsProbe((), self.read, lambda: self.time.now_s, own_pid=7)
        self.windows = Windows(probe, lambda: self.time.now_s)
        self.runs = 0

    def read(self):
        now_s = self.time.now_s
        foreign_s = min(now_s, self.busy_until_s)
        return HostReading(now_s, None, None, CpuSeconds(now_s + foreign_s, 4 * now_s, now_s))

    def run(self, seconds):
        self.runs += 1
        self.time.spend(seconds)
        return self.runs

    def measure(self, seconds, cap_s):
        return self.windows.measure(lambda: self.run(seconds), lambda _: cap_s)


def test_a_disturbed_window_is_measured_again_and_the_clean_run_counts():
    machine = Machine(busy_until_s=5.0)
    assert machine.measure(3.0, cap_s=10.0) == 3
    conditions = machine.windows.summarise()
    assert (conditions.windows_repeated, conditions.disturbed) == (2, False)
    assert (conditions.load_start, conditions.load_end, conditions.window_s) == (6.0, 9.0, 3.0)
    assert conditions.foreign_cpu_share == 0.0


def test_a_window_that_is_never_clean_stays_disturbed_at_the_end_of_its_time():
    machine = Machine(busy_until_s=1e9)
    assert machine.measure(3.0, cap_s=10.0) == 3
    conditions = machine.windows.summarise()
    assert (conditions.windows_repeated, conditions.disturbed) == (2, True)
    assert conditions.disturbance == "other processes took 25% of the machine's processor time"


@pytest.mark.parametrize(("cap_s", "runs"), [(5.9, 1), (6.0, 2), (8.9, 2), (9.0, 3)])
def test_a_run_that_would_pass_the_cap_is_not_begun(cap_s, runs):
    machine = Machine(busy_until_s=1e9)
    assert machine.measure(3.0, cap_s) == runs


def test_time_that_an_early_window_leaves_is_there_for_a_later_one():
    machine = Machine(busy_until_s=0.0)
    machine.measure(3.0, cap_s=10.0)
    machine.busy_until_s = 1e9
    machine.measure(4.0, cap_s=10.0)
    conditions = machine.windows.summarise()
    assert (machine.runs, machine.time.now_s) == (1 + 4, 3.0 + 4 * 4.0)
    assert conditions.windows_repeated == 3
    assert conditions.disturbed, "a clean window does not outweigh a disturbed one"
    assert conditions.window_s == 7.0, "what was dropped is in no condition"


def test_an_undisturbed_window_is_measured_once():
    machine = Machine(busy_until_s=0.0)
    assert machine.measure(1.0, cap_s=100.0) == 1
    assert machine.windows.summarise().windows_repeated == 0


def test_a_window_that_fails_leaves_the_ones_before_it():
    machine = Machine(busy_until_s=0.0)
    machine.measure(1.0, cap_s=10.0)

    def fail():
        raise MemoryError

    with pytest.raises(MemoryError):
        machine.windows.measure(fail, lambda _: 10.0)
    assert machine.windows.summarise().window_s == 1.0


def test_conditions_that_cannot_be_read_cost_no_window_but_have_a_reason():
    machine = Machine(busy_until_s=0.0)
    machine.measure(1.0, cap_s=10.0)
    readings = [machine.read()]
    machine.windows._probe._host = readings.pop
    assert machine.measure(1.0, cap_s=10.0) == 2
    machine.windows._probe._host = machine.read
    machine.measure(1.0, cap_s=10.0)
    assert machine.windows.summarise() == MissingConditions(
        "error: IndexError: pop from empty list"
    )
