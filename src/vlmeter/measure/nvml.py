"""One NVIDIA GPU as its driver sees it (NVML), or nothing where there is none."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pynvml

from vlmeter.measure.nvml_memory import read_memory

_Value = TypeVar("_Value")


def is_gpu(device: str) -> bool:
    """Say whether torch's name of a device is that of a GPU: `cuda` or `cuda:N`."""
    return device.partition(":")[0] == "cuda"


@dataclass(frozen=True)
class Gpu:
    """Reads one GPU. A reading that this GPU or driver does not offer is None."""

    nvml: Any
    """The `pynvml` module after `nvmlInit`, or a fake of it."""
    handle: Any
    index: int
    """NVML's index, which is not torch's where CUDA_VISIBLE_DEVICES is set."""

    def energy_j(self) -> float | None:
        """Joules since the driver was loaded; advances about every 100 ms (Volta and newer)."""
        millijoules = self._read(self.nvml.nvmlDeviceGetTotalEnergyConsumption)
        return None if millijoules is None else millijoules * 1e-3

    def used_bytes(self) -> int | None:
        """Device memory in use by all processes, as `nvidia-smi` shows it."""
        memory = read_memory(self.nvml, self.handle)
        return None if memory is None else int(memory.used)

    def temperature_c(self) -> float | None:
        """The GPU's core temperature."""
        return self._read(self.nvml.nvmlDeviceGetTemperature, self.nvml.NVML_TEMPERATURE_GPU)

    def sm_clock_mhz(self) -> float | None:
        """The current clock of the multiprocessors."""
        return self._read(self.nvml.nvmlDeviceGetClockInfo, self.nvml.NVML_CLOCK_SM)

    def memory_clock_mhz(self) -> float | None:
        """The current clock of the device memory."""
        return self._read(self.nvml.nvmlDeviceGetClockInfo, self.nvml.NVML_CLOCK_MEM)

    def power_limit_w(self) -> float | None:
        """The enforced power limit."""
        milliwatts = self._read(self.nvml.nvmlDeviceGetEnforcedPowerLimit)
        return None if milliwatts is None else milliwatts * 1e-3

    def power_w(self) -> float | None:
        """What the whole card draws now, as its sensor reads."""
        milliwatts = self._read(self.nvml.nvmlDeviceGetPowerUsage)
        return None if milliwatts is None else milliwatts * 1e-3

    def clock_event_reasons(self) -> int | None:
        """What holds the clocks down now: bits `NVML_CLOCKS_EVENT_REASON_*` of nvml.h."""
        # Drivers before 535 have the same under an older name.
        for name in (
            "nvmlDeviceGetCurrentClocksEventReasons",
            "nvmlDeviceGetCurrentClocksThrottleReasons",
        ):
            bits: int | None = self._read(getattr(self.nvml, name))
            if bits is not None:
                return bits
        return None

    def compute_pids(self) -> list[int] | None:
        """Processes with a compute context on the GPU, by the ids of the host's namespace."""
        processes = self._read(self.nvml.nvmlDeviceGetComputeRunningProcesses)
        return None if processes is None else sorted(process.pid for process in processes)

    def name(self) -> str | None:
        """The marketing name."""
        return self._read(self.nvml.nvmlDeviceGetName)

    def uuid(self) -> str | None:
        """The identity that stays when devices are reordered."""
        return self._read(self.nvml.nvmlDeviceGetUUID)

    def _read(self, function: Callable[..., _Value], *args: object) -> _Value | None:
        try:
            return function(self.handle, *args)
        except (self.nvml.NVMLError, self.nvml.NVMLLibraryMismatchError):
            # The latter is no NVMLError: the driver is older than the form of the call.
            return None


def open_gpus(nvml: Any) -> list[Gpu]:  # noqa: ANN401  (a module without types)
    """Return every GPU that NVML sees; none where there is no driver. One that is lost is left out.

    Args:
        nvml: The `pynvml` module, or a fake of it.
    """
    try:
        nvml.nvmlInit()
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError:
        return []
    opened = []
    for index in range(count):
        with suppress(nvml.NVMLError):
            opened.append(Gpu(nvml, nvml.nvmlDeviceGetHandleByIndex(index), index))
    return opened


def find_gpu_of_device(gpus: list[Gpu], device_uuid: str | None, device_index: int) -> Gpu | None:
    """Return the GPU behind a torch device.

    Args:
        gpus: As `open_gpus` returns them.
        device_uuid: `str(torch.cuda.get_device_properties(device).uuid)`, with or without the
            `GPU-` that NVML writes before it; it decides where torch gives it, since torch and NVML
            may count in different orders.
        device_index: Torch's index, used where there is no uuid.
    """
    if device_uuid is not None:
        wanted = device_uuid.removeprefix("GPU-")
        for gpu in gpus:
            if (gpu.uuid() or "").removeprefix("GPU-") == wanted:
                return gpu
        return None
    return next((gpu for gpu in gpus if gpu.index == device_index), None)


def open_device(device: str) -> Gpu | None:
    """Return the GPU of a torch device such as `cuda:1`; None for a CPU, and without a GPU."""
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return None
    import torch  # noqa: PLC0415  (only a CUDA cell, which has loaded torch already)

    if not torch.cuda.is_available():
        return None
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return find_gpu_of_device(
        open_gpus(pynvml), None if uuid is None else str(uuid), int(index or 0)
    )


def open_devices(device: str) -> list[Gpu]:
    """Return every GPU that a cell on this device sees, its first one first; none for a CPU."""
    if device != "cuda":
        return [gpu for gpu in [open_device(device)] if gpu is not None]
    import torch  # noqa: PLC0415  (only a CUDA cell, which has loaded torch already)

    opened = [open_device(f"cuda:{index}") for index in range(torch.cuda.device_count())]
    return [gpu for gpu in opened if gpu is not None]
