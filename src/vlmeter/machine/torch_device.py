"""Whether torch can use a cell's device, and what is in the way where it cannot."""

import torch

from vlmeter.errors import Sentence, one_line
from vlmeter.machine import devices
from vlmeter.software.torch_build import (
    describe_missing_cuda,
    describe_missing_kernels,
    has_kernels,
)
from vlmeter.status import Status, UnavailableError, describe_device_failure, describe_failure


def check_device(device: str) -> None:
    """See that torch can use the device, before anything is loaded.

    Args:
        device: `cpu`; `cuda` for all GPUs that this process sees; `cuda:N` for one of them.

    Raises:
        UnavailableError: it cannot; the message names the cause and the remedy.
    """
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return
    version = torch.__version__
    if not torch.cuda.is_available():
        if torch.version.cuda is None:
            raise UnavailableError(describe_missing_cuda(version))
        raise UnavailableError(f"{_describe_situation()}: {_describe_cause()}")
    # A GPU that others have to themselves, or that was lost, refuses here.
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        places = [int(index)] if index else range(torch.cuda.device_count())
        properties = [torch.cuda.get_device_properties(place) for place in places]
    except Exception as error:
        if describe_failure(error).status == Status.OUT_OF_MEMORY:
            raise
        raise UnavailableError(f"{_describe_situation()}: {_describe_error(error)}") from error
    architectures = torch.cuda.get_arch_list()
    for gpu in properties:
        capability = (gpu.major, gpu.minor)
        if not has_kernels(capability, architectures):
            raise UnavailableError(
                describe_missing_kernels(gpu.name, capability, version, architectures)
            )


def list_capabilities(device: str) -> list[tuple[int, int]]:
    """Return the compute capabilities, major and minor, of the GPUs of a cell; none on a CPU.

    Args:
        device: `cpu`, `cuda` or `cuda:N`, as torch can use it.
    """
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return []
    places = [int(index)] if index else range(torch.cuda.device_count())
    return [torch.cuda.get_device_capability(place) for place in places]


def _describe_situation() -> Sentence:
    drivers = sorted({gpu.driver for gpu in devices.visible_gpus()})
    under = Sentence(f" under the NVIDIA driver {', '.join(drivers)}") if drivers else ""
    return Sentence(
        f"torch {torch.__version__}, built for CUDA {torch.version.cuda}, cannot use the GPU{under}"
    )


def _describe_cause() -> str:
    """Return why torch cannot use it: the initialisation says so, `is_available` does not."""
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except Exception as error:
        return _describe_error(error)
    return Sentence("CUDA gives no reason")


def _describe_error(error: Exception) -> str:
    return describe_device_failure(error) or one_line(error).split(". ", maxsplit=1)[0]
