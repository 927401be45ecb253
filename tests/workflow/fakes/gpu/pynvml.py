"""Stands in for NVML on a machine with one GPU, which no library but this one can see."""

from types import SimpleNamespace

UUID = "GPU-00000000-0000-0000-0000-000000000001"


class NVMLError(Exception):
    """What NVML raises."""


class NVMLError_NotSupported(NVMLError):
    """The device cannot tell."""


def nvmlInit():
    pass


def nvmlShutdown():
    pass


def nvmlDeviceGetCount():
    return 1


def nvmlDeviceGetHandleByIndex(index):
    return index


def nvmlDeviceGetName(handle):
    return "Test GPU"


def nvmlDeviceGetUUID(handle):
    return UUID


def nvmlDeviceGetMemoryInfo(handle):
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
