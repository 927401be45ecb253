import json
from dataclasses import asdict

import pytest
from fake_nvml import FakeNvml

from vlmeter.measure.conditions import (
    ConditionsProbe,
    CpuSeconds,
    HostReading,
    compute_foreign_share,
    read_host,
)
from vlmeter.measure.nvml import open_gpus


def conditions(busy_s=1.0, own_s=1.0, total_s=20.0, pids=None, own_pid=7):
    """Between two readings the machine is busy for `busy_s`, of which `own_s` by this process."""
    readings = iter(
        [
            HostReading(0.5, 2600.0, 50.0, CpuSeconds(100.0, 1000.0, 10.0)),
            HostReading(
                0.9, 2400.0, 61.0, CpuSeconds(100.0 + busy_s, 1000.0 + total_s, 10.0 + own_s)
            ),
        ]
    )
    times = iter([3.0, 13.0])
    gpus = [] if pids is None else open_gpus(FakeNvml({"pids": pids}))
    probe = ConditionsProbe(gpus, lambda: next(readings), lambda: next(times), own_pid)
    probe.start()
    return probe.stop()


def test_both_ends_are_kept():
    block = conditions()
    assert (block.load_start, block.load_end) == (0.5, 0.9)
    assert (block.clock_mhz_start, block.clock_mhz_end) == (2600.0, 2400.0)
    assert (block.temperature_c_start, block.temperature_c_end) == (50.0, 61.0)
    assert block.window_s == 10.0
    assert json.loads(json.dumps(asdict(block)))["disturbed"] is False


def test_the_process_s_own_load_is_no_disturbance():
    block = conditions(busy_s=20.0, own_s=20.0)
    assert block.foreign_cpu_share == 0.0
    assert not block.disturbed
    assert block.disturbance is None


def test_load_of_others_is_a_disturbance():
    block = conditions(busy_s=15.0, own_s=10.0)
    assert block.disturbed
    assert block.disturbance == "other processes took 25% of the machine's processor time"


def test_a_little_load_of_others_is_none():
    assert not conditions(busy_s=11.0, own_s=10.0).disturbed


def test_cells_on_other_gpus_disturb_a_cell_only_where_no_processor_is_left():
    assert not conditions(busy_s=12.0, own_s=2.0, pids=[7]).disturbed
    assert conditions(busy_s=12.0, own_s=2.0, pids=[7]).foreign_cpu_share == 0.5
    full = conditions(busy_s=19.0, own_s=2.0, pids=[7])
    assert full.disturbance == "other processes took 85% of the machine's processor time"


@pytest.mark.parametrize(("busy_s", "is_full"), [(18.0, False), (18.1, True)])
def test_nine_tenths_leave_a_cell_on_a_gpu_enough_of_the_processors(busy_s, is_full):
    assert conditions(busy_s=busy_s, own_s=2.0, pids=[7]).disturbed == is_full


def test_another_process_on_the_gpu_is_a_disturbance():
    block = conditions(pids=[7, 4242])
    assert block.disturbance == "other processes were on the GPU (ids 4242)"


def test_the_own_process_on_the_gpu_is_none():
    assert not conditions(pids=[7]).disturbed


def test_in_a_container_the_only_process_is_this_process_under_the_host_s_id():
    assert not conditions(pids=[90210]).disturbed


def test_a_gpu_that_does_not_list_processes_is_not_called_disturbed():
    probe = ConditionsProbe(open_gpus(FakeNvml({})), own_pid=7)
    probe.start()
    probe.sample()
    assert "GPU" not in (probe.stop().disturbance or "")


@pytest.mark.parametrize(
    ("busy_s", "own_s", "total_s", "share"),
    [(5.0, 1.0, 10.0, 0.4), (1.0, 2.0, 10.0, 0.0), (0.0, 0.0, 0.0, None)],
)
def test_the_foreign_share_stays_within_its_bounds(busy_s, own_s, total_s, share):
    start = CpuSeconds(50.0, 500.0, 5.0)
    end = CpuSeconds(50.0 + busy_s, 500.0 + total_s, 5.0 + own_s)
    assert compute_foreign_share([(start, end)]) == share


def test_stopping_what_was_not_started_is_refused():
    with pytest.raises(RuntimeError, match="before start"):
        ConditionsProbe().stop()


def test_the_real_host_can_be_read():
    reading = read_host()
    assert reading.load >= 0
    assert 0 < reading.cpu.own_s <= reading.cpu.busy_s <= reading.cpu.total_s
