"""Whether torch can use a cell's device, and what is in the way where it cannot."""

import torch

from vlmeter.errors import one_line
from vlmeter.machine import devices
from vlmeter.software.torch_build import WITHOUT_CUDA, has_kernels, kernels_are_missing
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
            raise UnavailableError(WITHOUT_CUDA.format(version=version))
        raise UnavailableError(f"{_situation()}: {_cause()}")
    # A GPU that others have to themselves, or that was lost, refuses here.
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        places = [int(index)] if index else range(torch.cuda.device_count())
        properties = [torch.cuda.get_device_properties(place) for place in places]
    except Exception as error:
        if describe_failure(error).status == Status.OUT_OF_MEMORY:
            raise
        raise UnavailableError(f"{_situation()}: {_words(error)}") from error
    architectures = torch.cuda.get_arch_list()
    for gpu in properties:
        capability = (gpu.major, gpu.minor)
        if not has_kernels(capability, architectures):
            raise UnavailableError(
                kernels_are_missing(gpu.name, capability, version, architectures)
            )


def _situation() -> str:
    drivers = sorted({gpu.driver for gpu in devices.visible_gpus()})
    under = f" under the NVIDIA driver {', '.join(drivers)}" if drivers else ""
    return (
        f"torch {torch.__version__}, built for CUDA {torch.version.cuda}, cannot use the GPU{under}"
    )


def _cause() -> str:
    """Return why: `is_available` keeps it to itself, the initialisation does not."""
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except Exception as error:
        return _words(error)
    return "CUDA gives no reason"


def _words(error: Exception) -> str:
    return describe_device_failure(error) or one_line(error).split(". ", maxsplit=1)[0]
