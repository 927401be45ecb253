"""Which devices this machine has, found out without importing torch."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import pynvml

from vlmeter.errors import Sentence


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU that this process may use."""

    index: int
    """Its number for NVML, which is not renumbered by CUDA_VISIBLE_DEVICES."""
    name: str
    uuid: str
    memory_bytes: int
    driver: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dict."""
        return asdict(self)


@cache
def visible_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that NVML knows and CUDA_VISIBLE_DEVICES leaves; none without a driver.

    Looked up once: what `show_only` hides later is still a GPU of this machine.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        gpus = [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()
    return tuple(choose(gpus, os.environ.get("CUDA_VISIBLE_DEVICES")))


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    return Gpu(
        index=index,
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        memory_bytes=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        driver=_text(pynvml.nvmlSystemGetDriverVersion()),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def choose(gpus: list[Gpu], wanted: str | None) -> list[Gpu]:
    """Return the GPUs that a value of CUDA_VISIBLE_DEVICES leaves.

    Entries are indices or UUIDs; what follows an unknown one is hidden.
    """
    if wanted is None:
        return gpus
    chosen: list[Gpu] = []
    for word in wanted.split(","):
        entry = word.strip()
        match = [
            gpu for gpu in gpus if entry and (entry == str(gpu.index) or gpu.uuid.startswith(entry))
        ]
        if not match:
            break
        chosen.append(match[0])
    return chosen


def show_only(uuids: Sequence[str]) -> None:
    """Let CUDA see these GPUs and no others, here and in children; before torch is imported.

    By UUID: CUDA may count GPUs in another order than NVML.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(uuids)


def is_present(device: str, gpus: int = 1) -> bool:
    """Say whether a cell of this device, with this many GPUs, can run here."""
    return device == "cpu" or (device == "cuda" and len(visible_gpus()) >= max(gpus, 1))


def absence(device: str, gpus: int = 1) -> Sentence:
    """Say in words what a cell lacks here."""
    there = len(visible_gpus())
    if device == "cuda" and 0 < there < gpus:
        return Sentence(f"this machine has {there} of the {gpus} GPUs that the cell asks for")
    if is_present(device, gpus):
        return Sentence(f"this machine had no {device} device when the run began")
    return Sentence(f"this machine has no {device} device")


def fingerprint(device: str) -> list[str]:
    """Return what a device is here: an `unavailable` cell is tried again when this changes."""
    return [gpu.uuid for gpu in visible_gpus()] if device == "cuda" else []
