"""What other processes do on the GPUs, and what the GPUs can run."""

import pynvml
from fake_nvml import GIB, LOST, gpu

from vlmeter.machine import devices, gpu_state

EXCLUSIVE = pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS


def test_a_free_gpu_is_left_out(machine):
    machine(gpu("a"), gpu("b", mode=EXCLUSIVE))
    assert gpu_state.describe_occupations() == {}


def test_a_full_gpu_says_how_much_others_hold(machine):
    machine(gpu("a"), gpu("b", memory={"total": 80 * GIB, "used": 60 * GIB}))
    assert gpu_state.describe_occupations() == {
        "GPU-b": "other processes hold 64.4 of the 85.9 GB of GPU 1 (H200): end them"
    }


def test_an_exclusive_gpu_names_the_process_that_has_it(machine):
    machine(gpu("a", mode=EXCLUSIVE, pids=[4711]))
    assert gpu_state.describe_occupations() == {
        "GPU-a": "GPU 0 (H200) is in compute mode Exclusive Process and process 4711 has it: "
        "end that process"
    }


def test_a_gpu_without_readings_counts_as_free(machine):
    machine(gpu("a", memory=None, mode=None, pids=None, capability=None))
    assert gpu_state.describe_occupations() == {}
    assert gpu_state.read_capabilities() == {}


def test_a_driver_older_than_a_call_hides_nothing_else(machine):
    full = {"total": 8 * GIB, "used": 8 * GIB}
    machine(gpu("a", pids=pynvml.NVMLLibraryMismatchError("use _v2"), memory=full))
    assert list(gpu_state.describe_occupations()) == ["GPU-a"]


def test_what_the_driver_keeps_of_a_small_gpu_is_no_other_process(machine):
    machine(gpu("a", memory={"total": 4 * GIB, "used": 0, "reserved": GIB / 2}))
    assert gpu_state.describe_occupations() == {}


def test_the_compute_capability_is_by_gpu(machine):
    fake = machine(gpu("a"), LOST, gpu("c", capability=(6, 1)))
    first, last = devices.visible_gpus()
    assert gpu_state.read_capabilities() == {first: (9, 0), last: (6, 1)}
    assert fake.open == 0


def test_a_machine_without_gpus_asks_no_driver(machine):
    machine(refusal=pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED), visible="")
    assert gpu_state.describe_occupations() == gpu_state.read_capabilities() == {}
