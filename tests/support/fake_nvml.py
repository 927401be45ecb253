"""Stands in for `pynvml`: a machine with GPUs that are given as dictionaries of readings."""

from types import SimpleNamespace

import pynvml

GIB = 2**30


def gpu(letter="a", **readings):
    """A GPU in good order; a reading that is None is not supported, `lost` refuses every call."""
    memory = {"total": 80 * GIB, "used": GIB}
    plain = {
        "name": "H200",
        "uuid": f"GPU-{letter}",
        "memory": memory,
        "mig": [0, 0],
        "mode": pynvml.NVML_COMPUTEMODE_DEFAULT,
        "pids": [],
        "capability": (9, 0),
        "milliwatts": 70_000,
    }
    return {**plain, **readings}


LOST = {"lost": True}
READINGS = {
    "nvmlDeviceGetName": "name",
    "nvmlDeviceGetUUID": "uuid",
    "nvmlDeviceGetMemoryInfo": "memory",
    "nvmlDeviceGetMigMode": "mig",
    "nvmlDeviceGetComputeMode": "mode",
    "nvmlDeviceGetComputeRunningProcesses": "pids",
    "nvmlDeviceGetCudaComputeCapability": "capability",
    "nvmlDeviceGetPowerUsage": "milliwatts",
}
FORMS = {
    "memory": lambda value: SimpleNamespace(**value),
    "pids": lambda value: [SimpleNamespace(pid=pid) for pid in value],
}


class FakeMachine:
    """Answers NVML's calls for `gpus`; `driver`, `cuda` and `refusal` are to be set, too."""

    def __init__(self, monkeypatch):
        self.gpus, self.open = [], 0
        system = {
            "nvmlInit": self.start,
            "nvmlShutdown": self.stop,
            "nvmlDeviceGetCount": lambda: len(self.gpus),
            "nvmlDeviceGetHandleByIndex": self.handle,
            "nvmlSystemGetDriverVersion": lambda: self.driver,
            "nvmlSystemGetCudaDriverVersion": lambda: self.cuda,
            "nvmlSystemGetCudaDriverVersion_v2": lambda: self.cuda,
        }
        for name, answer in system.items():
            monkeypatch.setattr(pynvml, name, answer)
        for name, key in READINGS.items():
            monkeypatch.setattr(pynvml, name, lambda handle, key=key: self.read(handle, key))

    def start(self):
        if self.refusal is not None:
            raise self.refusal
        self.open += 1

    def stop(self):
        self.open -= 1

    def handle(self, index):
        assert self.open
        if "lost" in self.gpus[index]:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.gpus[index]

    @staticmethod
    def read(handle, key):
        value = handle.get(key)
        if isinstance(value, Exception):
            raise value
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return FORMS.get(key, lambda plain: plain)(value)
