"""What the GPUs of a cell are like while they work."""

import json
from dataclasses import asdict

import pynvml
import pytest
from fake_nvml import FakeNvml
from machines import ENERGY, ENERGY_SETTINGS
from pynvml import NVMLLibraryMismatchError
from simulation.card import Card
from simulation.clock import SimulatedTime
from simulation.cuda import SimulatedCuda, make_card_clock
from simulation.tracker import make_tracker

from vlmeter.measure.conditions import ConditionsProbe, CpuSeconds, HostReading
from vlmeter.measure.energy.meter import EnergyMeter
from vlmeter.measure.gpu_conditions import _REASONS
from vlmeter.measure.nvml import open_gpus
from vlmeter.measure.result import SLOWDOWNS
from vlmeter.measure.stopping import fix_rounds

POWER_CAP, IDLE = 0x04, 0x01


def host():
    return HostReading(0.5, 2600.0, 50.0, CpuSeconds(100.0, 1000.0, 100.0))


def conditions(*cards, samples=3):
    """Sample cards whose readings are lists: before, at each sample, after."""
    moment = 0

    def reading(values):
        return (lambda: values[moment]) if isinstance(values, list) else values

    gpus = [{key: reading(values) for key, values in card.items()} for card in cards]
    probe = ConditionsProbe(open_gpus(FakeNvml(*gpus)), host, own_pid=7)
    probe.start()
    for _ in range(samples):
        moment += 1
        probe.sample()
    moment += 1
    return probe.stop()


def test_the_clock_at_work_is_the_median_and_that_before_and_after_is_in_none():
    (gpu,) = conditions({"sm_clock": [210, 1980, 1410, 1965, 345], "memory_clock": 2619}).gpus
    assert (gpu.device, gpu.samples) == ("gpu0", 3)
    assert (gpu.sm_clock_mhz, gpu.memory_clock_mhz) == (1965, 2619)


def test_power_and_temperature_are_medians_of_the_work_too():
    (gpu,) = conditions(
        {
            "milliwatts": [90_000, 650_000, 700_000, 690_000, 120_000],
            "temperature": [35, 60, 70, 71, 66],
            "limit_milliwatts": 700_000,
        }
    ).gpus
    assert (gpu.power_w, gpu.temperature_c, gpu.power_limit_w) == (690.0, 70, 700.0)


def test_a_power_cap_in_a_single_sample_is_kept_and_disturbs_nothing():
    block = conditions({"reasons": [IDLE, 0, POWER_CAP, 0, IDLE]})
    assert block.gpus[0].throttle_reasons == ["sw_power_cap"]
    assert not block.disturbed


def test_reasons_of_all_samples_are_united():
    (gpu,) = conditions({"reasons": [0, IDLE, POWER_CAP, 0x800 | POWER_CAP, 0]}).gpus
    assert gpu.throttle_reasons == ["gpu_idle", "other_0x800", "sw_power_cap"]


@pytest.mark.parametrize("name", SLOWDOWNS)
def test_a_card_that_protects_itself_disturbs_the_cell(name):
    bit = next(bit for bit, reason in _REASONS.items() if reason == name)
    block = conditions({"reasons": 0}, {"reasons": [0, 0, bit | POWER_CAP, 0, 0]})
    assert block.disturbed
    assert block.disturbance == f"gpu1 was slowed down ({name})"


def test_the_reasons_bits_are_nvml_s():
    for bit, name in _REASONS.items():
        camel = "".join(word.capitalize() for word in name.split("_"))
        assert getattr(pynvml, f"nvmlClocksEventReason{camel}") == bit


def test_another_process_that_comes_and_goes_between_the_ends_is_seen():
    block = conditions({"pids": [[7], [7], [7, 4242], [7], [7]]})
    assert block.disturbance == "other processes were on the GPU (ids 4242)"


def test_another_process_on_the_second_card_of_the_cell_is_seen():
    block = conditions({"pids": [[7]] * 5}, {"pids": [[7], [7], [7], [7, 4242], [7]]})
    assert block.disturbance == "other processes were on the GPU (ids 4242)"
    alone_there = conditions({"pids": [[7]] * 5}, {"pids": [[4242]] * 5})
    assert alone_there.disturbance == "other processes were on the GPU (ids 4242)"


def test_in_a_container_the_process_that_was_alone_at_first_stays_the_own_one():
    block = conditions({"pids": [[90210], [90210], [90210, 4242], [90210], [90210]]})
    assert block.disturbance == "other processes were on the GPU (ids 4242)"
    assert not conditions({"pids": [[90210]] * 5}, {"pids": [[90210]] * 5}).disturbed


def test_what_a_card_does_not_offer_is_none():
    def refuse():
        raise NVMLLibraryMismatchError("function not found")

    for card in ({}, {"pids": refuse, "reasons": refuse, "older_reasons": refuse}):
        block = conditions(card)
        (gpu,) = block.gpus
        assert gpu.sm_clock_mhz is gpu.memory_clock_mhz is gpu.power_w is None
        assert gpu.temperature_c is gpu.power_limit_w is gpu.throttle_reasons is None
        assert not block.disturbed


def test_a_card_that_gives_its_clock_only_now_and_then_has_a_clock():
    answers = iter([1980, 1950])

    def sometimes():
        try:
            return next(answers)
        except StopIteration:
            raise NVMLLibraryMismatchError("no more") from None

    (gpu,) = conditions({"sm_clock": sometimes}).gpus
    assert (gpu.samples, gpu.sm_clock_mhz) == (3, 1965)


def test_the_block_is_plain_json():
    block = json.loads(json.dumps(asdict(conditions({"reasons": POWER_CAP}))))
    assert block["gpus"][0]["throttle_reasons"] == ["sw_power_cap"]


def test_an_energy_window_samples_four_times_a_second_while_the_device_works():
    time = SimulatedTime()
    card = Card(time, lag_s=0.0)
    card.busy_until_s = time.now_s
    clock = make_card_clock(SimulatedCuda(time, lambda: [card]))
    meter = EnergyMeter(
        ENERGY,
        ENERGY_SETTINGS,
        tracker=make_tracker(time, {"cpu": 50.0, "ram": 20.0}),
        counters=[],
    )
    # A device that rests has other clocks.
    works = []
    meter.measure(
        [lambda: card.work(0.05)],
        clock,
        window_s=3.0,
        samples_per_batch=1,
        rule=fix_rounds(3),
        watch=lambda: works.append(card.is_busy),
    )
    assert 12 <= len(works) <= 15
    assert all(works)
