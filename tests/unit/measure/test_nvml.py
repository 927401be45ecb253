import pynvml
import torch
from measure_fakes import FakeNvml, NvmlError

from vlmeter.measure.nvml import gpu_of_device, open_device, open_devices, open_gpus


def test_a_machine_without_a_driver_has_no_gpus():
    assert open_gpus(FakeNvml(driver=False)) == []


def test_readings_come_in_base_units():
    nvml = FakeNvml({"energy_mj": 1500, "used": 2**30, "temperature": 40, "power_limit_mw": 700e3})
    (gpu,) = open_gpus(nvml)
    assert gpu.energy_j() == 1.5
    assert gpu.used_bytes() == 2**30
    assert gpu.temperature_c() == 40
    assert gpu.power_limit_w() == 700.0


def test_what_a_gpu_does_not_offer_is_none():
    (gpu,) = open_gpus(FakeNvml({}))
    assert gpu.energy_j() is gpu.used_bytes() is gpu.compute_pids() is gpu.uuid() is None
    assert gpu.sm_clock_mhz() is gpu.memory_clock_mhz() is gpu.power_limit_w() is None


def test_a_lost_gpu_hides_no_other_and_takes_no_other_s_place():
    nvml = FakeNvml({"uuid": "GPU-aa"}, {"uuid": "GPU-bb"}, {"uuid": "GPU-cc"})
    given = nvml.nvmlDeviceGetHandleByIndex

    def handle(index):
        if index == 1:
            raise NvmlError("GPU is lost")
        return given(index)

    nvml.nvmlDeviceGetHandleByIndex = handle
    gpus = open_gpus(nvml)
    assert [gpu.index for gpu in gpus] == [0, 2]
    assert gpu_of_device(gpus, "cc", 1).index == 2
    assert gpu_of_device(gpus, None, 2).uuid() == "GPU-cc"
    assert gpu_of_device(gpus, None, 1) is None


def test_a_call_that_an_older_driver_has_in_another_form_is_none():
    def mismatch():
        raise pynvml.NVMLLibraryMismatchError("use nvmlDeviceGetComputeRunningProcesses_v2")

    (gpu,) = open_gpus(FakeNvml({"pids": mismatch, "used": 3}))
    assert gpu.compute_pids() is None
    assert gpu.used_bytes() == 3


def test_power_comes_in_watts():
    (gpu,) = open_gpus(FakeNvml({"power_mw": 70_500}))
    assert gpu.power_w() == 70.5


def test_the_uuid_finds_the_gpu_where_torch_counts_differently():
    gpus = open_gpus(FakeNvml({"uuid": "GPU-aa"}, {"uuid": "GPU-bb"}))
    assert gpu_of_device(gpus, "bb", 0).index == 1
    assert gpu_of_device(gpus, "GPU-aa", 1).index == 0


def test_a_uuid_that_nvml_does_not_know_is_no_other_gpu_s():
    gpus = open_gpus(FakeNvml({"uuid": "GPU-aa"}))
    assert gpu_of_device(gpus, "MIG-bb", 0) is None


def test_without_a_uuid_the_index_decides():
    gpus = open_gpus(FakeNvml({}, {}))
    assert gpu_of_device(gpus, None, 1).index == 1
    assert gpu_of_device(gpus, None, 2) is None


def test_a_cpu_has_no_gpu():
    assert open_device("cpu") is None
    assert open_devices("cpu") == []


def test_a_cuda_device_is_looked_up_only_where_there_is_one():
    assert (open_device("cuda") is None) is not torch.cuda.is_available()
    assert len(open_devices("cuda")) == torch.cuda.device_count()
