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
    "nvmlDeviceGetMigMode": "mig",
    "nvmlDeviceGetComputeMode": "mode",
    "nvmlDeviceGetComputeRunningProcesses": "pids",
    "nvmlDeviceGetCudaComputeCapability": "capability",
    "nvmlDeviceGetPowerUsage": "milliwatts",
    "nvmlDeviceGetEnforcedPowerLimit": "limit_milliwatts",
    "nvmlDeviceGetTotalEnergyConsumption": "millijoules",
    "nvmlDeviceGetCurrentClocksEventReasons": "reasons",
    "nvmlDeviceGetCurrentClocksThrottleReasons": "older_reasons",
}
CLOCKS = {pynvml.NVML_CLOCK_SM: "sm_clock", pynvml.NVML_CLOCK_MEM: "memory_clock"}
SENSORS = {pynvml.NVML_TEMPERATURE_GPU: "temperature"}
FORMS = {
    "memory": lambda value: SimpleNamespace(**value),
    "pids": lambda value: [SimpleNamespace(pid=pid) for pid in value],
}
NAMES = (
    *READINGS,
    "nvmlDeviceGetMemoryInfo",
    "nvmlInit",
    "nvmlShutdown",
    "nvmlDeviceGetCount",
    "nvmlDeviceGetHandleByIndex",
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetTemperature",
    "nvmlSystemGetDriverVersion",
    "nvmlSystemGetCudaDriverVersion",
    "nvmlSystemGetCudaDriverVersion_v2",
)
"""What is stood in for; errors and constants are those of `pynvml`."""


class FakeNvml:
    """Answers NVML's calls for `gpus`, whose readings are values, exceptions, or return either."""

    def __init__(self, *gpus, driver="580.65", cuda=13000, refusal=None):
        self.is_before_510 = int(driver.partition(".")[0]) < 510
        self.gpus, self.open = list(gpus), 0
        self.driver, self.cuda, self.refusal = driver, cuda, refusal

    def install(self, monkeypatch):
        """Take the place of the functions of `pynvml`."""
        for name in NAMES:
            monkeypatch.setattr(pynvml, name, getattr(self, name))
        return self

    def nvmlInit(self):
        if self.refusal is not None:
            raise self.refusal
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        assert self.open
        if "lost" in self.gpus[index]:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.gpus[index]

    def nvmlDeviceGetMemoryInfo(self, handle, version=None):
        """The older form counts what the driver keeps for itself as used."""
        if version is not None and self.is_before_510:
            raise pynvml.NVMLLibraryMismatchError("function not found")
        memory = self.read(handle, "memory")
        if version is None:
            memory.used += getattr(memory, "reserved", 0)
        return memory

    def nvmlDeviceGetClockInfo(self, handle, clock):
        return self.read(handle, CLOCKS[clock])

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return self.read(handle, SENSORS[sensor])

    def nvmlSystemGetDriverVersion(self):
        return self.driver

    def nvmlSystemGetCudaDriverVersion(self):
        return self.cuda

    nvmlSystemGetCudaDriverVersion_v2 = nvmlSystemGetCudaDriverVersion

    def __getattr__(self, name):
        if name in READINGS:
            return lambda handle: self.read(handle, READINGS[name])
        return getattr(pynvml, name)

    @staticmethod
    def read(handle, key):
        value = handle.get(key)
        value = value() if callable(value) else value
        if isinstance(value, Exception):
            raise value
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return FORMS.get(key, lambda plain: plain)(value)
