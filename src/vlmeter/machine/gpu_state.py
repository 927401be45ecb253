"""What the driver reports of this machine's GPUs: who has them now, and what they can run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

from vlmeter.errors import Sentence
from vlmeter.machine import devices
from vlmeter.machine.description import Gpu
from vlmeter.machine.devices import read_nvml
from vlmeter.measure.nvml_memory import read_memory

_TAKEN_SHARE = 0.1
"""Of a GPU's memory. Its driver and a desktop mostly hold less; what is more, a cell may miss."""


def describe_occupations() -> dict[str, Sentence]:
    """Return by UUID why GPUs are taken by other processes; those that are free are left out.

    A GPU of which NVML reports neither memory nor processes counts as free.
    """
    with _open_handles() as handles:
        occupations = {
            gpu.uuid: _describe_occupation(gpu, handle) for gpu, handle in handles.items()
        }
    return {uuid: words for uuid, words in occupations.items() if words is not None}


def read_capabilities() -> dict[Gpu, tuple[int, int]]:
    """Return the compute capability, major and minor, of each GPU whose driver gives it."""
    with _open_handles() as handles:
        pairs = {
            gpu: read_nvml(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
            for gpu, handle in handles.items()
        }
    return {gpu: (value[0], value[1]) for gpu, value in pairs.items() if value is not None}


@contextmanager
def _open_handles() -> Iterator[dict[Gpu, Any]]:
    gpus = devices.visible_gpus()
    try:
        if gpus:
            pynvml.nvmlInit()
    except pynvml.NVMLError:
        gpus = ()
    if not gpus:
        yield {}
        return
    try:
        handles = {gpu: read_nvml(pynvml.nvmlDeviceGetHandleByIndex, gpu.index) for gpu in gpus}
        yield {gpu: handle for gpu, handle in handles.items() if handle is not None}
    finally:
        pynvml.nvmlShutdown()


def _describe_occupation(gpu: Gpu, handle: Any) -> Sentence | None:  # noqa: ANN401 - NVML's handle
    mode = read_nvml(pynvml.nvmlDeviceGetComputeMode, handle)
    processes = read_nvml(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    if mode is not None and mode == pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS and processes:
        return Sentence(
            f"{gpu} is in compute mode Exclusive Process and process {processes[0].pid} has it: "
            "end that process"
        )
    memory = read_memory(pynvml, handle)
    if memory is None or not memory.total or memory.used <= _TAKEN_SHARE * memory.total:
        return None
    return Sentence(
        f"other processes hold {memory.used / 1e9:.1f} of the {memory.total / 1e9:.1f} GB of "
        f"{gpu}: end them"
    )
