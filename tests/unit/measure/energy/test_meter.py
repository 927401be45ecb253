import json
import statistics
from dataclasses import asdict, replace
from functools import partial
from itertools import cycle

import pytest
from fake_nvml import FakeNvml
from machines import ENERGY, ENERGY_SETTINGS
from simulation.card import Card
from simulation.clock import HostClock, SimulatedTime
from simulation.cuda import SimulatedCuda, make_card_clock
from simulation.power import make_counter, replay
from simulation.tracker import SimulatedTracker, make_tracker

from vlmeter.measure.energy.counter_window import CounterWindow
from vlmeter.measure.energy.description import Grid, IdlePower
from vlmeter.measure.energy.meter import EnergyMeter
from vlmeter.measure.energy.result import add_generation
from vlmeter.measure.nvml import open_gpus
from vlmeter.measure.stopping import aim_at, fix_rounds

SOURCES = replace(
    ENERGY,
    cpu=replace(ENERGY.cpu, method="a model of load"),
    ram=replace(ENERGY.ram, method="20 W"),
    grid=Grid(kg_per_kwh=0.5, source="config"),
    idle=IdlePower({"cpu": 10.0, "ram": 20.0, "gpu0": 70.0}, {}),
)

WATTS = {"cpu": 50.0, "ram": 20.0, "gpu": 310.0}


def measure(
    watts=WATTS,
    sources=SOURCES,
    settings=ENERGY_SETTINGS,
    gpu_watts=None,
    cost_s=0.5,
    counters=None,
    missing=None,
    **window,
):
    """A window of steps of known cost on a machine of known power."""
    time = SimulatedTime()
    gpus = []
    if gpu_watts is not None:
        gpus = open_gpus(FakeNvml({}))
        counters = [make_counter("gpu0", lambda: 1e6 + gpu_watts * time.now_s)]
    meter = EnergyMeter(
        sources,
        settings,
        gpus,
        missing=missing,
        tracker=make_tracker(time, watts, cost_s=2**-10),
        counters=counters or [],
        follow=time.follow,
    )
    options = {"window_s": 10.0, "samples_per_batch": 4, "rule": fix_rounds(2), **window}
    return meter.measure([time.call(cost_s)], HostClock(time), **options)


def part(energy, device):
    return next(item for item in energy.components if item.device == device)


def test_power_times_time_comes_out_per_sample():
    energy = measure()
    assert energy.window_s == pytest.approx(10.0)
    assert (energy.batches, energy.samples) == (20, 80)
    assert energy.power_w == pytest.approx(70.0)
    assert energy.energy_j == pytest.approx(700.0 / 80)
    assert energy.rounds_j == pytest.approx([700.0 / 80] * 2)
    assert [energy.low_j, energy.high_j] == pytest.approx([700.0 / 80] * 2)
    assert energy.energy_reason is None


def test_net_is_what_lies_above_idle():
    energy = measure()
    assert energy.idle_w == 30.0
    assert energy.energy_net_j == pytest.approx((700.0 - 300.0) / 80)


def test_every_device_stands_apart_with_its_method():
    energy = measure(gpu_watts=300.0)
    assert [(item.device, item.kind, item.method) for item in energy.components] == [
        ("cpu", "modelled", "a model of load"),
        ("ram", "constant", "20 W"),
        ("gpu0", "measured", "a meter of gpu0"),
    ]
    assert part(energy, "cpu").energy_j == pytest.approx(500.0)
    assert part(energy, "ram").power_w == pytest.approx(20.0)
    assert part(energy, "gpu0").idle_w == 70.0


def test_the_hardware_s_counter_is_preferred_and_codecarbon_stands_beside_it():
    energy = measure(gpu_watts=300.0)
    gpu = part(energy, "gpu0")
    assert gpu.energy_j == pytest.approx(3000.0)
    assert gpu.codecarbon_j == pytest.approx(3100.0)
    assert gpu.difference == pytest.approx(1 / 30)
    assert energy.energy_j == pytest.approx(3700.0 / 80)
    assert energy.rounds_j == pytest.approx([3700.0 / 80] * 2)


def test_several_packages_are_one_device():
    counters = [
        make_counter("cpu", iter(range(0, 10**6, 7)).__next__, update_s=0.001) for _ in "ab"
    ]
    energy = measure(counters=counters)
    cpu = part(energy, "cpu")
    assert cpu.kind == "measured"
    assert cpu.method == "a meter of cpu + a meter of cpu"
    # 20 readings after those at the starts of the two rounds, 7 J each, for each counter.
    assert cpu.energy_j == 2 * 20 * 7
    assert sum(energy.rounds_j) * 40 == pytest.approx(280 + 200)


def test_a_gpu_whose_counter_stands_still_gives_no_figure_and_the_reason():
    energy = measure(gpu_watts=0.0)
    assert energy.energy_j is None
    assert energy.energy_reason == "gpu0: the counter did not move for a whole round"
    assert energy.energy_net_j is energy.co2e_g is energy.power_w is energy.low_j is None
    assert energy.rounds_j == []
    assert part(energy, "cpu").energy_j == pytest.approx(500.0)


def test_a_gpu_without_a_counter_needs_a_longer_window():
    gpus = open_gpus(FakeNvml({}))
    time = SimulatedTime()
    meter = EnergyMeter(
        SOURCES, ENERGY_SETTINGS, gpus, tracker=make_tracker(time, WATTS), counters=[]
    )
    options = {"samples_per_batch": 1, "rule": fix_rounds(1)}
    short = meter.measure([time.call(0.5)], HostClock(time), window_s=5.0, **options)
    assert "no energy counter" in short.energy_reason
    long = meter.measure([time.call(0.5)], HostClock(time), window_s=12.0, **options)
    assert part(long, "gpu0").energy_j == pytest.approx(310.0 * 12)


def test_a_window_of_a_target_ends_early_and_is_valid():
    energy = measure(gpu_watts=400.0, cost_s=0.3, rule=aim_at(0.02))
    assert (energy.energy_reason, energy.end.ended_by, energy.end.rounds) == (None, "target", 3)
    # Ten updates of the GPU's counter, which are a tenth of the window here, in whole steps.
    assert energy.window_s == pytest.approx(3 * 4 * 0.3)
    assert energy.energy_j == pytest.approx(470.0 * 0.3 / 4)
    assert energy.low_j <= energy.energy_j <= energy.high_j


@pytest.mark.parametrize(("window_s", "rounds_s"), [(3.0, 1.0), (10.0, 1.0), (40.0, 4.0)])
def test_a_round_is_as_long_as_its_counter_needs_and_three_are_no_longer_than_the_window(
    window_s, rounds_s
):
    energy = measure(gpu_watts=400.0, cost_s=0.25, window_s=window_s, rule=aim_at(0.02))
    assert energy.energy_reason is None
    assert energy.window_s == pytest.approx(3 * rounds_s)


def test_a_window_that_is_too_short_for_its_counter_gives_no_figure_whatever_the_rule():
    energy = measure(gpu_watts=400.0, cost_s=0.1, window_s=1.5, rule=aim_at(0.02))
    assert "10 are needed" in energy.energy_reason
    assert energy.end.half_width is None
    assert energy.window_s == pytest.approx(1.5, abs=0.3)


def test_power_samples_need_the_whole_window_in_its_first_three_rounds():
    time = SimulatedTime()
    tracker = make_tracker(time, WATTS)
    gpus = open_gpus(FakeNvml({}))
    meter = EnergyMeter(SOURCES, ENERGY_SETTINGS, gpus, tracker=tracker, counters=[])
    window = {"window_s": 12.0, "samples_per_batch": 1, "rule": aim_at(0.02)}
    energy = meter.measure([time.call(0.25)], HostClock(time), **window)
    assert energy.energy_reason is None
    assert (energy.end.rounds, energy.window_s) == (3, pytest.approx(10.5))


def test_rounds_whose_energy_differs_go_on_to_the_cap():
    time = SimulatedTime()
    draw = cycle([1.0, 0.6])
    meter = EnergyMeter(
        SOURCES, ENERGY_SETTINGS, tracker=make_tracker(time, WATTS), counters=[], follow=time.follow
    )
    window = {"window_s": 5.0, "samples_per_batch": 1, "rule": aim_at(0.02)}
    energy = meter.measure([lambda: time.spend(next(draw))], HostClock(time), **window)
    assert (energy.end.ended_by, energy.window_s) == ("cap", pytest.approx(5.4))
    assert energy.end.half_width > 0.02


def test_several_gpus_without_counters_give_no_figure_since_their_shares_are_not_measured():
    time = SimulatedTime()
    meter = EnergyMeter(
        SOURCES,
        ENERGY_SETTINGS,
        open_gpus(FakeNvml({}, {})),
        tracker=make_tracker(time, WATTS),
        counters=[],
    )
    energy = meter.measure(
        [time.call(0.5)], HostClock(time), window_s=12.0, samples_per_batch=1, rule=fix_rounds(1)
    )
    assert energy.energy_j is None
    assert "codecarbon counts all GPUs as one" in energy.energy_reason


def measure_on_cards(*indices):
    """A window of work on some of two cards, each with a counter."""
    time = SimulatedTime()
    gpus = open_gpus(FakeNvml({}, {}))
    meter = EnergyMeter(
        SOURCES,
        ENERGY_SETTINGS,
        [gpus[index] for index in indices],
        tracker=make_tracker(time, {**WATTS, "gpu": 500.0}),
        counters=[
            make_counter(name, lambda watts=watts: 1e6 + watts * time.now_s)
            for name, watts in (("gpu0", 200.0), ("gpu1", 300.0))
        ],
        follow=time.follow,
    )
    return meter.measure(
        [time.call(0.5)], HostClock(time), window_s=10.0, samples_per_batch=1, rule=fix_rounds(2)
    )


@pytest.mark.parametrize(("index", "watts"), [(0, 200.0), (1, 300.0)])
def test_the_counter_of_another_card_counts_nowhere(index, watts):
    energy = measure_on_cards(index)
    assert [item.device for item in energy.components] == ["cpu", "ram", f"gpu{index}"]
    assert part(energy, f"gpu{index}").power_w == pytest.approx(watts)
    assert energy.power_w == pytest.approx(70.0 + watts)
    assert energy.rounds_j == pytest.approx([energy.energy_j] * 2)


def test_of_several_gpus_with_counters_codecarbon_s_sum_stands_beside_none():
    energy = measure_on_cards(0, 1)
    for name, joules in (("gpu0", 2000.0), ("gpu1", 3000.0)):
        assert part(energy, name).energy_j == pytest.approx(joules)
        assert part(energy, name).codecarbon_j is None
        assert part(energy, name).difference is None


def test_a_window_that_is_too_short_gives_no_figure():
    energy = measure(window_s=0.5, cost_s=0.25)
    assert energy.energy_j is None
    assert energy.energy_reason == "cpu, ram: the window was 0.5 s and 1 s are needed"


def test_a_counter_with_enough_updates_gives_none_either():
    settings = replace(ENERGY_SETTINGS, min_counter_updates=1)
    energy = measure(gpu_watts=300.0, window_s=0.5, cost_s=0.25, settings=settings)
    assert part(energy, "gpu0").reason == "the window was 0.5 s and 1 s are needed"


def test_a_gpu_window_with_too_few_updates_gives_no_figure():
    settings = replace(ENERGY_SETTINGS, min_window_s=0.1, min_counter_updates=20)
    energy = measure(gpu_watts=300.0, window_s=1.0, cost_s=0.1, settings=settings)
    assert energy.energy_j is None
    assert "20 are needed" in energy.energy_reason


@pytest.mark.parametrize("watts", [{"ram": 20.0}, {"cpu": 0.0, "ram": 20.0}, {}])
def test_zero_or_nothing_from_codecarbon_is_not_measured(watts):
    energy = measure(watts=watts)
    assert energy.energy_j is None
    assert energy.energy_reason.startswith("cpu")
    assert "codecarbon gave no energy, or zero, for a round" in energy.energy_reason


def test_a_device_that_cannot_be_seen_at_all_gives_no_figure():
    energy = measure(missing="NVML does not see the GPU that the cell runs on")
    assert energy.energy_j is None
    assert energy.energy_reason == "NVML does not see the GPU that the cell runs on"


def test_energy_per_token_counts_the_generated_tokens():
    energy = measure(tokens_per_batch=4 * 16)
    assert energy.energy_per_token_j == pytest.approx(700.0 / (20 * 64))
    assert energy.energy_per_token_reason is None


def test_a_window_without_generation_says_so():
    energy = measure()
    assert energy.energy_per_token_j is None
    assert energy.energy_per_token_reason == "no tokens were generated in the window"


def test_a_generation_s_energy_per_token_joins_the_forward_s():
    joined = add_generation(
        measure(), measure(watts={"cpu": 100.0, "ram": 20.0}, tokens_per_batch=8)
    )
    assert joined.energy_j == pytest.approx(700.0 / 80)
    assert joined.energy_per_token_j == pytest.approx(1200.0 / 160)


def test_an_invalid_generation_window_keeps_its_reason():
    joined = add_generation(measure(), measure(window_s=0.5, cost_s=0.1, tokens_per_batch=8))
    assert joined.energy_per_token_j is None
    assert "are needed" in joined.energy_per_token_reason


def test_emissions_are_gross_joules_at_the_grid_s_factor():
    assert measure().co2e_g == pytest.approx(700.0 / 80 / 3.6e6 * 500)


def test_without_idle_watts_there_is_no_net_and_a_reason():
    energy = measure(sources=replace(SOURCES, idle=None))
    assert energy.energy_j is not None
    assert energy.energy_net_j is None
    assert energy.energy_net_reason == "the idle power of a device is not known"


@pytest.mark.parametrize(
    ("device", "words"), [("ram", "ram is not known: why"), ("machine", "cpu is not known: why")]
)
def test_why_idle_watts_could_not_be_read_is_why_there_is_no_net(device, words):
    power_w = {} if device == "machine" else {"cpu": 10.0, "ram": None}
    energy = measure(sources=replace(SOURCES, idle=IdlePower(power_w, {device: "why"})))
    assert energy.energy_net_j is None
    assert energy.energy_net_reason == f"the idle power of {words}"


@pytest.mark.parametrize("cpu_w", [5.0, 10.0])
def test_less_than_idle_or_just_that_is_no_energy_above_it(cpu_w):
    energy = measure(watts={"cpu": cpu_w, "ram": 20.0})
    assert energy.energy_net_j is None
    assert "no more power" in energy.energy_net_reason


def test_whole_batches_are_run_even_when_one_is_longer_than_the_window():
    energy = measure(cost_s=30.0, window_s=10.0, rule=fix_rounds(2))
    assert energy.batches == 2
    assert energy.window_s == pytest.approx(60.0)
    assert energy.energy_j == pytest.approx(70.0 * 60 / 8)


def test_codecarbon_s_tasks_are_the_rounds_and_the_step_before_them_is_in_none():
    time = SimulatedTime()
    tracker = make_tracker(time, WATTS)
    meter = EnergyMeter(SOURCES, ENERGY_SETTINGS, tracker=tracker, counters=[])
    energy = meter.measure(
        [time.call(100.0, 0.5)],
        HostClock(time),
        window_s=3.0,
        samples_per_batch=1,
        rule=fix_rounds(3),
    )
    assert tracker.windows == 3
    assert energy.window_s == pytest.approx(3.0)


def rounds_on_a_card(work_w=400.0, ends_s=(0.2, 0.1)):
    """Rounds of work behind the host, with a tracker whose ends take long."""
    time = SimulatedTime()
    card = Card(time, rest_w=100.0, settling_w=0.0)
    card.busy_until_s = time.now_s
    tracker = SimulatedTracker(
        time, {"gpu": card.supply.joules, "cpu": watts(50), "ram": watts(9)}, ends_s=ends_s
    )
    counters = [make_counter("gpu0", lambda: card.supply.joules(time.now_s), update_s=0.001)]
    meter = EnergyMeter(
        SOURCES,
        ENERGY_SETTINGS,
        open_gpus(FakeNvml({})),
        tracker=tracker,
        counters=counters,
        follow=time.follow,
    )
    clock = make_card_clock(SimulatedCuda(time, lambda: [card]))
    step = partial(card.work, 0.05, work_w)
    return meter.measure([step], clock, window_s=6.0, samples_per_batch=1, rule=fix_rounds(3))


def watts(power):
    return lambda at_s: power * at_s


def test_a_round_holds_the_work_and_nothing_of_what_codecarbon_takes():
    energy = rounds_on_a_card()
    gpu = part(energy, "gpu0")
    assert energy.window_s == pytest.approx(0.05 * energy.batches, rel=1e-6)
    assert gpu.power_w == pytest.approx(400.0)
    assert gpu.energy_j == pytest.approx(400.0 * 0.05 * energy.batches)
    # Its tasks are the very rounds: it saw the same power.
    assert gpu.codecarbon_j == pytest.approx(gpu.energy_j)
    assert part(energy, "cpu").power_w == pytest.approx(50.0)


def test_of_several_counters_the_problem_of_any_is_named():
    time = SimulatedTime()
    sound, still = (lambda: 1e6 + 50.0 * time.now_s), (lambda: 7.0)
    for readings in ((sound, still), (still, sound)):
        counters = [make_counter("cpu", read, update_s=0.001) for read in readings]
        meter = EnergyMeter(
            SOURCES,
            ENERGY_SETTINGS,
            tracker=make_tracker(time, WATTS),
            counters=counters,
            follow=time.follow,
        )
        energy = meter.measure(
            [time.call(0.5)], HostClock(time), window_s=4.0, samples_per_batch=1, rule=fix_rounds(2)
        )
        assert energy.energy_reason == "cpu: the counter did not move for a whole round"


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_one_round_that_codecarbon_saw_nothing_in_is_enough_for_no_figure(dead):
    time = SimulatedTime()
    tracker = make_tracker(time, {"cpu": 50.0, "ram": 20.0})
    plain, rounds = tracker.stop, iter(range(3))
    tracker.stop = lambda: {**plain(), **({"cpu": 0.0} if next(rounds) == dead else {})}
    meter = EnergyMeter(SOURCES, ENERGY_SETTINGS, tracker=tracker, counters=[])
    energy = meter.measure(
        [time.call(0.5)], HostClock(time), window_s=6.0, samples_per_batch=1, rule=fix_rounds(3)
    )
    assert energy.energy_reason == "cpu: codecarbon gave no energy, or zero, for a round"


@pytest.mark.parametrize("dead", [0, 1, 2])
def test_one_round_in_which_a_counter_stood_is_enough_for_no_figure(dead):
    places = [(index, step) for index in range(3) for step in range(5)]
    values = [100.0 * index + (0.0 if index == dead else 10.0 * step) for index, step in places]
    window = CounterWindow(make_counter("cpu", replay(*values), update_s=0.001))
    for index in range(3):
        for step in range(5):
            window.read(index + 0.2 * step)
        window.end_round(float(index), index + 0.8)
    assert window.find_problem(10) == "the counter did not move for a whole round"


def test_the_interval_widens_with_the_rounds_spread():
    time = SimulatedTime()
    tracker = make_tracker(time, {"cpu": 10.0, "ram": 10.0})
    meter = EnergyMeter(SOURCES, ENERGY_SETTINGS, tracker=tracker, counters=[])
    energy = meter.measure(
        [time.call(1.0, 1.0, 1.2)],
        HostClock(time),
        window_s=2.0,
        samples_per_batch=1,
        rule=fix_rounds(2),
    )
    half = 12.7062 * statistics.stdev(energy.rounds_j) / 2**0.5
    assert energy.high_j - energy.energy_j == pytest.approx(half)


def test_each_round_has_its_own_energy_of_every_device():
    time = SimulatedTime()
    meter = EnergyMeter(
        SOURCES,
        ENERGY_SETTINGS,
        tracker=make_tracker(time, {"cpu": 999.0, "ram": 20.0}),
        counters=[make_counter("cpu", lambda: 50.0 * time.now_s, update_s=0.001)],
    )
    # The first is in no round; of the last there are two in a round.
    steps = [time.call(1.0, 1.0, 1.2, 0.9)]
    energy = meter.measure(
        steps, HostClock(time), window_s=3.0, samples_per_batch=1, rule=fix_rounds(3)
    )
    assert energy.rounds_j == pytest.approx([70.0, 84.0, 63.0])


def test_the_block_is_plain_json():
    energy = measure(gpu_watts=300.0)
    assert json.loads(json.dumps(asdict(energy)))["components"][2]["device"] == "gpu0"
