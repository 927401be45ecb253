"""What one GPU was like while it worked: clocks, power, temperature, and what held its clocks down.

Read again and again while the device works. A reading before or after the work says little: a GPU
that idles leaves its clocks low, and cools within a second.
"""

from collections.abc import Callable
from statistics import median

from vlmeter.measure.nvml import Gpu
from vlmeter.measure.result import GpuConditions

_REASONS = {
    0x001: "gpu_idle",
    0x002: "applications_clocks_setting",
    0x004: "sw_power_cap",
    0x008: "hw_slowdown",
    0x010: "sync_boost",
    0x020: "sw_thermal_slowdown",
    0x040: "hw_thermal_slowdown",
    0x080: "hw_power_brake_slowdown",
    0x100: "display_clock_setting",
}
"""`NVML_CLOCKS_EVENT_REASON_*` of nvml.h by their bits; one of a newer driver has no name here."""


class GpuWatch:
    """Collects readings of one GPU."""

    def __init__(self, gpu: Gpu) -> None:
        """Watch this GPU; nothing is read yet."""
        self.gpu = gpu
        self._series: list[tuple[Callable[[], float | None], list[float]]] = [
            (read, [])
            for read in (gpu.sm_clock_mhz, gpu.memory_clock_mhz, gpu.power_w, gpu.temperature_c)
        ]
        self._samples = 0
        self._reasons: int | None = None

    def sample(self) -> None:
        """Read it once."""
        self._samples += 1
        for read, values in self._series:
            value = read()
            if value is not None:
                values.append(value)
        reasons = self.gpu.clock_event_reasons()
        if reasons is not None:
            self._reasons = (self._reasons or 0) | reasons

    def summarise(self) -> GpuConditions:
        """Return the medians of all readings so far and the union of the reasons."""
        sm_clock, memory_clock, power, temperature = (
            median(values) if values else None for _, values in self._series
        )
        return GpuConditions(
            device=f"gpu{self.gpu.index}",
            samples=self._samples,
            sm_clock_mhz=sm_clock,
            memory_clock_mhz=memory_clock,
            power_w=power,
            temperature_c=temperature,
            power_limit_w=self.gpu.power_limit_w(),
            throttle_reasons=None if self._reasons is None else _name_reasons(self._reasons),
        )


def _name_reasons(bits: int) -> list[str]:
    named = [name for bit, name in _REASONS.items() if bits & bit]
    others = bits & ~sum(_REASONS)
    return sorted([*named, *([f"other_{others:#x}"] if others else [])])
