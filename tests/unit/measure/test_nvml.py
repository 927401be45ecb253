import pynvml
import pytest
import torch
from fake_nvml import LOST, NAMES, FakeNvml
from pynvml import NVMLLibraryMismatchError

from vlmeter.measure.nvml import (
    find_gpu_of_device,
    is_gpu,
    open_device,
    open_devices,
    open_gpus,
)


@pytest.mark.parametrize(
    ("device", "expected"),
    [("cuda", True), ("cuda:0", True), ("cuda:12", True), ("cpu", False), ("cpu:0", False)],
)
def test_a_gpu_is_named_with_or_without_its_index(device, expected):
    assert is_gpu(device) is expected


def test_a_machine_without_a_driver_has_no_gpus():
    assert open_gpus(FakeNvml(refusal=pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED))) == []


def test_readings_come_in_base_units():
    readings = {"millijoules": 1500, "memory": {"used": 2**30}, "temperature": 40}
    (gpu,) = open_gpus(FakeNvml({**readings, "limit_milliwatts": 700e3}))
    assert gpu.energy_j() == 1.5
    assert gpu.used_bytes() == 2**30
    assert gpu.temperature_c() == 40
    assert gpu.power_limit_w() == 700.0


@pytest.mark.parametrize(("driver", "used_bytes"), [("580.65", 2**30), ("470.82", 2**30 + 480)])
def test_what_the_driver_keeps_for_itself_is_no_use_where_the_driver_tells_it_apart(
    driver, used_bytes
):
    readings = {"memory": {"used": 2**30, "reserved": 480}}
    (gpu,) = open_gpus(FakeNvml(readings, driver=driver))
    assert gpu.used_bytes() == used_bytes


def test_power_is_in_watts_and_the_clocks_reasons_have_two_names():
    new, old = open_gpus(FakeNvml({"milliwatts": 650_500, "reasons": 0x4}, {"older_reasons": 0x40}))
    assert (new.power_w(), new.clock_event_reasons()) == (650.5, 0x4)
    assert (old.power_w(), old.clock_event_reasons()) == (None, 0x40)


def test_what_a_gpu_does_not_offer_is_none():
    (gpu,) = open_gpus(FakeNvml({}))
    assert gpu.energy_j() is gpu.used_bytes() is gpu.compute_pids() is gpu.uuid() is None
    assert gpu.sm_clock_mhz() is gpu.memory_clock_mhz() is gpu.power_limit_w() is None
    assert gpu.power_w() is gpu.clock_event_reasons() is None


READINGS = [
    "energy_j", "used_bytes", "temperature_c", "sm_clock_mhz", "memory_clock_mhz", "power_w",
    "power_limit_w", "clock_event_reasons", "compute_pids", "name", "uuid",
]  # fmt: skip


@pytest.mark.parametrize("reading", READINGS)
def test_what_the_driver_is_too_old_for_is_none(reading):
    def refuse():
        raise NVMLLibraryMismatchError("function not found")

    keys = ["millijoules", "memory", "temperature", "sm_clock", "memory_clock", "milliwatts"]
    keys += ["limit_milliwatts", "reasons", "older_reasons", "pids", "name", "uuid"]
    (gpu,) = open_gpus(FakeNvml(dict.fromkeys(keys, refuse)))
    assert getattr(gpu, reading)() is None


def test_what_stands_in_for_pynvml_is_there():
    assert not issubclass(pynvml.NVMLLibraryMismatchError, pynvml.NVMLError)
    assert [name for name in NAMES if not hasattr(pynvml, name)] == []


def test_a_lost_gpu_hides_no_other_and_takes_no_other_s_place():
    gpus = open_gpus(FakeNvml({"uuid": "GPU-aa"}, LOST, {"uuid": "GPU-cc"}))
    assert [gpu.index for gpu in gpus] == [0, 2]
    assert find_gpu_of_device(gpus, "cc", 1).index == 2
    assert find_gpu_of_device(gpus, None, 2).uuid() == "GPU-cc"
    assert find_gpu_of_device(gpus, None, 1) is None


def test_power_comes_in_watts():
    (gpu,) = open_gpus(FakeNvml({"milliwatts": 70_500}))
    assert gpu.power_w() == 70.5


def test_the_uuid_finds_the_gpu_where_torch_counts_differently():
    gpus = open_gpus(FakeNvml({"uuid": "GPU-aa"}, {"uuid": "GPU-bb"}))
    assert find_gpu_of_device(gpus, "bb", 0).index == 1
    assert find_gpu_of_device(gpus, "GPU-aa", 1).index == 0


def test_a_uuid_that_nvml_does_not_know_is_no_other_gpu_s():
    gpus = open_gpus(FakeNvml({"uuid": "GPU-aa"}))
    assert find_gpu_of_device(gpus, "MIG-bb", 0) is None


def test_without_a_uuid_the_index_decides():
    gpus = open_gpus(FakeNvml({}, {}))
    assert find_gpu_of_device(gpus, None, 1).index == 1
    assert find_gpu_of_device(gpus, None, 2) is None


def test_a_cpu_has_no_gpu():
    assert open_device("cpu") is None
    assert open_devices("cpu") == []


def test_a_cuda_device_is_looked_up_only_where_there_is_one():
    assert (open_device("cuda") is None) is not torch.cuda.is_available()
    assert len(open_devices("cuda")) == torch.cuda.device_count()
