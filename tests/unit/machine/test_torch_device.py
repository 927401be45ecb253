"""Whether torch can use a GPU, and the sentence where it cannot. CUDA is a fake."""

from types import SimpleNamespace

import pytest
import torch
from fake_nvml import gpu

from vlmeter.machine.torch_device import check_device, list_capabilities
from vlmeter.status import UnavailableError, describe_failure

ARCHITECTURES = ["sm_75", "sm_80", "sm_90", "compute_90"]


@pytest.fixture
def cuda(monkeypatch, machine):
    """Give torch GPUs of these capabilities; `refusal` is what its initialisation raises."""

    def prepare(*capabilities, available=True, refusal=None, built_for="13.0"):
        machine(gpu("a"), driver="570.86", torch_cuda=None)

        def init():
            if refusal is not None:
                raise RuntimeError(refusal)

        fakes = {
            "is_available": lambda: available,
            "init": init,
            "device_count": lambda: len(capabilities),
            "get_device_properties": lambda index: SimpleNamespace(
                name=f"GPU {index}", major=capabilities[index][0], minor=capabilities[index][1]
            ),
            "get_arch_list": lambda: ARCHITECTURES,
            "get_device_capability": lambda index: capabilities[index],
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        monkeypatch.setattr(torch.version, "cuda", built_for)

    return prepare


def reason(device="cuda"):
    with pytest.raises(UnavailableError) as raised:
        check_device(device)
    failure = describe_failure(raised.value)
    assert failure.status == "unavailable"
    return failure.reason


def test_a_processor_is_always_there():
    check_device("cpu")


def test_gpus_with_kernels_can_be_used(cuda):
    cuda((8, 6), (12, 0))
    check_device("cuda")


def test_the_capabilities_are_those_of_the_gpus_of_a_cell(cuda):
    cuda((8, 6), (12, 0))
    devices = ("cuda", "cuda:1", "cpu")
    assert [list_capabilities(device) for device in devices] == [[(8, 6), (12, 0)], [(12, 0)], []]


def test_a_torch_without_cuda_says_so(cuda):
    cuda(available=False, built_for=None)
    assert reason() == (
        f"torch {torch.__version__} is built without CUDA: install a build of torch for CUDA"
    )


@pytest.mark.parametrize(
    ("refusal", "cause"),
    [
        (
            "The NVIDIA driver on your system is too old (found version 12080). Please update",
            "the NVIDIA driver is too old for this torch: update it",
        ),
        ("Some other trouble. Read the page", "Some other trouble"),
        (None, "CUDA gives no reason"),
    ],
)
def test_what_torch_keeps_to_itself_is_named(cuda, refusal, cause):
    cuda(available=False, refusal=refusal)
    assert reason() == (
        f"torch {torch.__version__}, built for CUDA 13.0, cannot use the GPU under the NVIDIA "
        f"driver 570.86: {cause}"
    )


def test_a_gpu_that_refuses_when_it_is_taken_is_unavailable(cuda):
    cuda((9, 0), refusal="CUDA error: CUDA-capable device(s) is/are busy or unavailable")
    assert "end the process that has it" in reason()


def test_a_gpu_that_is_too_full_to_begin_on_ran_out_of_memory(cuda):
    cuda((9, 0), refusal="CUDA error: out of memory")
    with pytest.raises(RuntimeError) as raised:
        check_device("cuda")
    assert describe_failure(raised.value).status == "out_of_memory"


@pytest.mark.parametrize("capability", [(7, 0), (6, 1), (5, 2)])
def test_a_gpu_without_kernels_in_the_build_is_unavailable(cuda, capability):
    cuda((9, 0), capability)
    assert reason().startswith(
        f"GPU 1 has compute capability {capability[0]}.{capability[1]} and torch "
        f"{torch.__version__} has kernels for sm_75, sm_80, sm_90, compute_90 alone: install"
    )
    check_device("cuda:0")
    assert reason("cuda:1").startswith("GPU 1")
