"""Stands in for NVML on a machine with `FAKE_GPUS` GPUs, which no library but this one can see."""

import os
from types import SimpleNamespace


class NVMLError(Exception):
    """What NVML raises."""


class NVMLLibraryMismatchError(Exception):
    """What pynvml raises where the driver is too old for it."""


class NVMLError_NotSupported(NVMLError):
    """The device does not report the value."""


def nvmlInit():
    pass


def nvmlShutdown():
    pass


def nvmlDeviceGetCount():
    return int(os.environ.get("FAKE_GPUS", "1"))


def nvmlDeviceGetHandleByIndex(index):
    return index


def nvmlDeviceGetName(handle):
    return "Test GPU"


def nvmlDeviceGetUUID(handle):
    return f"GPU-00000000-0000-0000-0000-{handle + 1:012}"


def nvmlDeviceGetMemoryInfo(handle, version=None):
    return SimpleNamespace(total=8 << 30, used=0, free=8 << 30)


def nvmlSystemGetDriverVersion():
    return "1.0"


def _not_supported(*arguments):
    raise NVMLError_NotSupported


def __getattr__(name):
    if name.startswith("nvml"):
        return _not_supported
    if name.startswith("NVML_"):
        return 0
    raise AttributeError(name)
