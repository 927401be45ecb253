"""Which devices this machine has, found out without importing torch."""

import os
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import pynvml


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
    """Return the GPUs that NVML knows and CUDA_VISIBLE_DEVICES leaves; none without a driver."""
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


def is_present(device: str) -> bool:
    """Say whether a cell of this device can run here."""
    return device == "cpu" or (device == "cuda" and bool(visible_gpus()))


def fingerprint(device: str) -> list[str]:
    """Return what a device is here: an `unavailable` cell is tried again when this changes."""
    return [gpu.uuid for gpu in visible_gpus()] if device == "cuda" else []
