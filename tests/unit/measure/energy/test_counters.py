from pathlib import Path

import pytest
from fake_nvml import FakeNvml
from simulation.power import make_counter, replay

from vlmeter.measure.energy.counter_window import CounterWindow
from vlmeter.measure.energy.counters import make_nvml_counter, make_rapl_counters
from vlmeter.measure.nvml import open_gpus


def follow(values, times_s, wrap_j=None, update_s=0.01):
    window = CounterWindow(make_counter("cpu", replay(*values), wrap_j, update_s))
    for at_s in times_s:
        window.read(at_s)
    window.end_round(times_s[0], times_s[-1])
    return window


def seconds(count, step_s=0.25):
    return [step_s * index for index in range(count)]


def test_a_counter_s_advance_is_the_round_s_energy():
    window = follow([100.0, 130.0, 160.0, 190.0, 220.0], seconds(5))
    assert window.rounds_j == [120.0]
    assert window.find_problem(10) is None


def test_rounds_are_kept_apart_and_what_lies_between_them_is_in_neither():
    window = CounterWindow(make_counter("cpu", replay(0.0, 5.0, 50.0, 57.0), None, 0.001))
    for start_s in (0.0, 2.0):
        window.read(start_s)
        window.read(start_s + 1.0)
        window.end_round(start_s, start_s + 1.0)
    assert window.rounds_j == [5.0, 7.0]


def test_a_wrap_is_corrected():
    window = follow([990.0, 998.0, 6.0, 14.0], seconds(4), wrap_j=1000.0)
    assert window.rounds_j == [24.0]
    assert window.find_problem(10) is None


def test_a_counter_that_goes_back_without_a_wrap_gives_no_figure():
    window = follow([990.0, 998.0, 0.0, 14.0], seconds(4))
    assert "backwards" in window.find_problem(10)


def test_a_counter_that_stands_still_for_the_window_gives_no_figure():
    window = follow([990.0] * 5, seconds(5))
    assert "did not move" in window.find_problem(10)


def test_a_counter_that_stalls_after_a_while_gives_no_figure():
    window = follow([0.0, 30.0] + [30.0] * 7, seconds(9))
    assert window.find_problem(10) == "the counter stood still in 7 of 8 readings"


def test_a_counter_that_is_always_zero_gives_no_figure():
    window = follow([0.0] * 5, seconds(5))
    assert "did not move" in window.find_problem(10)


def test_a_counter_that_cannot_be_read_gives_no_figure():
    window = follow([1.0, None, 3.0], seconds(3))
    assert window.find_problem(1) == "the counter could not be read"


def test_readings_closer_than_the_counter_s_updates_do_not_count_as_a_stall():
    values = [0.0, *[10.0 * (index // 4) for index in range(1, 401)]]
    window = follow(values, seconds(401, step_s=0.0025))
    assert window.find_problem(10) is None


def test_a_round_with_too_few_updates_gives_no_figure():
    window = follow([0.0, 30.0, 60.0, 90.0], seconds(4, step_s=0.025))
    assert window.find_problem(10) == (
        "a round of 0.075 s holds about 8 updates of the counter and 10 are needed: lengthen the"
        " window, or split it into fewer rounds"
    )


def test_nvml_s_counter_is_read_in_joules():
    (gpu,) = open_gpus(FakeNvml({"millijoules": replay(1000, 2500, 4000)}))
    counter = make_nvml_counter(gpu)
    assert counter.device == "gpu0"
    assert (counter.read_j(), counter.read_j()) == (2.5, 4.0)
    # As docs/measuring.md says of it: its ticks have to be timed.
    assert counter.update_s == 0.1
    assert not CounterWindow(counter).is_prompt


def test_a_gpu_without_the_counter_has_none():
    (gpu,) = open_gpus(FakeNvml({}))
    assert make_nvml_counter(gpu) is None


def zone(folder, name, energy_uj, limit_uj=262143328850):
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{limit_uj}\n")
    return folder


def test_rapl_gives_packages_and_their_memory(tmp_path):
    first = zone(tmp_path / "intel-rapl:0", "package-0", 10_000_000)
    zone(first / "intel-rapl:0:0", "core", 4_000_000)
    zone(first / "intel-rapl:0:1", "dram", 3_000_000)
    second = zone(tmp_path / "intel-rapl:1", "package-1", 20_000_000)
    zone(second / "intel-rapl:1:0", "dram", 5_000_000)
    zone(tmp_path / "intel-rapl:2", "psys", 90_000_000)
    counters = make_rapl_counters(tmp_path)
    assert [(item.device, item.read_j()) for item in counters] == [
        ("cpu", 10.0),
        ("cpu", 20.0),
        ("ram", 3.0),
        ("ram", 5.0),
    ]
    assert counters[0].wrap_j == pytest.approx(262143.32885)


def test_memory_of_only_one_package_is_no_figure_for_the_memory(tmp_path):
    first = zone(tmp_path / "intel-rapl:0", "package-0", 10_000_000)
    zone(first / "intel-rapl:0:0", "dram", 3_000_000)
    zone(tmp_path / "intel-rapl:1", "package-1", 20_000_000)
    assert [item.device for item in make_rapl_counters(tmp_path)] == ["cpu", "cpu"]


def test_two_dies_that_show_one_meter_count_once(tmp_path):
    zone(tmp_path / "intel-rapl:0", "package-0-die-0", 10_000_000)
    zone(tmp_path / "intel-rapl:1", "package-0-die-1", 10_200_000)
    assert len(make_rapl_counters(tmp_path)) == 1


def test_a_counter_that_only_root_may_read_is_left_out(tmp_path):
    folder = zone(tmp_path / "intel-rapl:0", "package-0", 1)
    (folder / "energy_uj").unlink()
    assert make_rapl_counters(tmp_path) == []


def test_the_counters_are_where_linux_has_them(monkeypatch):
    asked = []
    monkeypatch.setattr(Path, "glob", lambda path, names: asked.append(path / names) or [])
    make_rapl_counters()
    assert asked == [Path("/sys/class/powercap/intel-rapl:*")]


def test_a_machine_without_rapl_has_no_counters(tmp_path):
    assert make_rapl_counters(tmp_path / "powercap") == []
