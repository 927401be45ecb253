"""Which devices there are, without torch."""

import pynvml
import pytest
from fake_nvml import GIB, LOST, gpu

from vlmeter.machine import devices
from vlmeter.machine.description import Gpu
from vlmeter.machine.devices import choose_gpus

GPUS = [Gpu(index, "H200", f"GPU-{letter}0", 1, "580") for index, letter in enumerate("abc")]


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        (None, [0, 1, 2]),
        ("0", [0]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("GPU-b0", [1]),
        ("GPU-b", [1]),
        ("0,9,1", [0]),
        ("-1", []),
        ("", []),
        ("0,,1", [0]),
    ],
)
def test_the_environment_says_which_cards_count(wanted, indices):
    assert [gpu.index for gpu in choose_gpus(GPUS, wanted)] == indices


def test_a_machine_whose_cards_are_hidden_has_a_cpu_alone():
    assert devices.visible_gpus() == ()
    assert devices.is_present("cpu")
    assert not devices.is_present("cuda")
    assert not devices.is_present("tpu")
    for device in ("cuda", "cpu"):
        assert devices.list_fingerprint(device, compiles=False) == []


def test_what_a_cell_lacks_is_said_in_words(monkeypatch):
    assert devices.describe_absence("cuda", 2) == "this machine has no cuda device"
    monkeypatch.setattr(devices, "visible_gpus", lambda: tuple(GPUS[:2]))
    assert devices.is_present("cuda", 2)
    assert not devices.is_present("cuda", 3)
    assert devices.describe_absence("cuda", 3) == (
        "this machine has 2 of the 3 GPUs that the cell asks for"
    )
    assert (
        devices.describe_absence("cuda", 1) == "this machine had no cuda device when the run began"
    )


def indices():
    return [gpu.index for gpu in devices.visible_gpus()]


def test_one_lost_gpu_of_eight_leaves_seven(machine):
    gpus = [gpu(letter) for letter in "abcdefgh"]
    gpus[3] = LOST
    machine(*gpus)
    assert indices() == [0, 1, 2, 4, 5, 6, 7]
    assert devices.list_left_out() == ("GPU 3 is lost (GPU is lost): reset it, or reboot",)
    assert devices.is_present("cuda", 7)
    assert devices.describe_absence("cuda", 8) == (
        "this machine has 7 of the 8 GPUs that the cell asks for: "
        "GPU 3 is lost (GPU is lost): reset it, or reboot"
    )


def test_a_gpu_that_is_lost_after_its_handle_was_given_is_left_out_too(machine):
    lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    machine(gpu("a", uuid=lost), gpu("b"))
    assert indices() == [1]
    assert devices.list_left_out()[0].startswith("GPU 0 is lost")


def test_a_lost_gpu_that_is_asked_for_is_named(machine):
    machine(LOST, gpu("b"), visible="1,0")
    assert indices() == [1]
    assert devices.list_left_out() == ("GPU 0 is lost (GPU is lost): reset it, or reboot",)


def test_a_lost_gpu_that_is_not_asked_for_is_no_matter(machine):
    machine(LOST, gpu("b"), visible="1")
    assert indices() == [1]
    assert devices.list_left_out() == ()


@pytest.mark.parametrize("code", ["NVML_ERROR_NOT_SUPPORTED", "NVML_ERROR_NO_PERMISSION"])
def test_a_gpu_without_memory_of_its_own_is_a_gpu(machine, code):
    machine(gpu("a", name="GB10", memory=pynvml.NVMLError(getattr(pynvml, code))))
    (shared,) = devices.visible_gpus()
    assert (shared.name, shared.memory_bytes) == ("GB10", None)
    assert devices.is_present("cuda")


def test_a_call_that_the_driver_has_in_an_older_form_alone_hides_no_gpu(machine):
    machine(gpu("a", memory=pynvml.NVMLLibraryMismatchError("use _v2")))
    assert indices() == [0]


SLICE = "MIG-00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("visible", [SLICE, f"{SLICE},MIG-2", f"MIG-GPU-a/1/0,{SLICE}"])
def test_a_mig_slice_is_refused_by_name(machine, visible):
    machine(gpu("a", mig=[1, 1]), visible=visible)
    assert not devices.is_present("cuda")
    assert devices.describe_absence("cuda") == (
        "this machine has no cuda device that can be measured: CUDA_VISIBLE_DEVICES names a MIG "
        f"slice ({visible.split(',')[0]}), and the driver counts power and energy of whole GPUs "
        "only: name a whole GPU by its index or UUID"
    )


def test_a_gpu_in_mig_mode_is_left_out_and_its_neighbour_is_not(machine):
    machine(gpu("a", mig=[1, 1]), gpu("b"))
    assert indices() == [1]
    assert devices.list_left_out() == (
        "GPU 0 (H200) is in MIG mode, and the driver counts power and energy of the whole GPU "
        "only: switch MIG off (nvidia-smi -i 0 -mig 0)",
    )


def test_a_gpu_in_prohibited_mode_is_left_out(machine):
    machine(gpu("a", mode=pynvml.NVML_COMPUTEMODE_PROHIBITED))
    assert indices() == []
    assert devices.describe_absence("cuda").endswith(
        "GPU 0 (H200) is in compute mode Prohibited: set it to Default (nvidia-smi -i 0 -c DEFAULT)"
    )


def test_a_driver_that_is_too_old_for_torch_is_the_cause_and_a_newer_one_the_remedy(machine):
    machine(gpu("a"), driver="570.86", cuda=12080)
    assert indices() == []
    assert devices.describe_absence("cuda") == (
        "this machine has no cuda device that can be measured: the NVIDIA driver 570.86 serves "
        "CUDA up to 12.8 and torch 2.13.0 is built for CUDA 13.0: update the driver to 580 or "
        "newer, or install a torch for CUDA 12"
    )


@pytest.mark.parametrize(
    ("serves", "torch_cuda"), [(13000, (13, 0)), (12020, (12, 6)), (13010, (12, 6)), (0, (13, 0))]
)
def test_any_driver_of_torch_s_major_cuda_or_a_later_one_serves(machine, serves, torch_cuda):
    machine(gpu("a"), cuda=serves, torch_cuda=torch_cuda)
    assert indices() == [0]


def test_a_driver_that_does_not_answer_is_named(machine):
    refusal = pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    machine(gpu("a"), refusal=refusal)
    assert devices.describe_absence("cuda") == (
        "this machine has no cuda device that can be measured: the NVIDIA driver does not answer "
        "(RM has detected an NVML/RM version mismatch.): load it, or reboot"
    )


def test_a_machine_without_nvidia_s_library_has_no_cuda_device(machine):
    machine(gpu("a"), refusal=pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    assert devices.describe_absence("cuda") == "this machine has no cuda device"


def test_nvml_is_closed_again(machine):
    assert machine(gpu("a"), LOST).open == 0


def test_another_driver_or_torch_is_another_fingerprint(machine):
    fingerprints = []
    for driver, cuda in (("580.65", (13, 0)), ("590.1", (13, 0)), ("580.65", (12, 6))):
        machine(gpu("a"), driver=driver, torch_cuda=cuda)
        fingerprints += devices.list_fingerprint("cuda", compiles=False)
    assert len(set(fingerprints)) == 3
    assert fingerprints[0] == "GPU-a, driver 580.65, torch for CUDA 13.0"


def test_the_tools_of_compilation_count_where_torch_compiles(machine, monkeypatch):
    machine(gpu("a"))
    monkeypatch.setattr(devices, "tools_at_hand", lambda device: [f"tools for {device}"])
    assert devices.list_fingerprint("cpu", compiles=False) == []
    assert devices.list_fingerprint("cpu", compiles=True) == ["tools for cpu"]
    assert devices.list_fingerprint("cuda", compiles=True)[1:] == ["tools for cuda"]
    machine(visible="-1")
    without_gpu = devices.list_fingerprint("cuda", compiles=True)
    assert without_gpu == [], "without a GPU there is nothing to build on"


def test_what_is_shown_to_a_job_is_what_is_left_of_the_visible(machine, monkeypatch):
    machine(gpu("a"), gpu("b"))
    assert len(devices.list_shown_gpus()) == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-b")
    assert [gpu.uuid for gpu in devices.list_shown_gpus()] == ["GPU-b"]
    assert len(devices.visible_gpus()) == 2


def test_memory_is_in_bytes(machine):
    machine(gpu("a"))
    assert devices.visible_gpus()[0].memory_bytes == 80 * GIB
