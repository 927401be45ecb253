"""Stands in for NVML on a machine whose GPU is at work: 300 W, counted every 100 ms, its limit."""

import os
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace

_PLAIN = SourceFileLoader("plain_pynvml", str(Path(__file__).parents[1] / "gpu" / "pynvml.py"))
_plain = _PLAIN.load_module()
globals().update({name: value for name, value in vars(_plain).items() if "__" not in name})
__getattr__ = _plain.__getattr__

WATTS = 300


def nvmlDeviceGetTotalEnergyConsumption(handle):
    return int(time.monotonic() * 10) * WATTS * 100


def nvmlDeviceGetPowerUsage(handle):
    return WATTS * 1000


def nvmlDeviceGetEnforcedPowerLimit(handle):
    return 300_000


def nvmlDeviceGetMemoryInfo(handle, version=None):
    return SimpleNamespace(total=80 << 30, used=1 << 30, free=79 << 30)


def nvmlDeviceGetTemperature(handle, sensor):
    return 61


def nvmlDeviceGetClockInfo(handle, clock):
    return 1410


def nvmlDeviceGetCurrentClocksThrottleReasons(handle):
    # Under the older name alone, as with drivers before 535: the power cap.
    return 0x4


def nvmlDeviceGetComputeRunningProcesses(handle):
    return [SimpleNamespace(pid=os.getpid(), usedGpuMemory=1 << 30)]
