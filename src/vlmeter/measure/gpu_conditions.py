"""What one GPU was like while it worked: clocks, power, temperature, and what held its clocks down.

Read again and again while the device works. A reading before or after the work says little: a GPU
that idles leaves its clocks low, and cools within a second.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_
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
        self.readings: dict[str, list[float]] = {name: [] for name in _READINGS}
        """What it reported, by the name of the method that asks for it."""
        self.samples = 0
        self.reasons: int | None = None
        """Bits of what held the clocks down in any sample."""

    def sample(self) -> None:
        """Read it once."""
        self.samples += 1
        for name, values in self.readings.items():
            value = getattr(self.gpu, name)()
            if value is not None:
                values.append(value)
        reasons = self.gpu.clock_event_reasons()
        if reasons is not None:
            self.reasons = (self.reasons or 0) | reasons


_READINGS = ("sm_clock_mhz", "memory_clock_mhz", "power_w", "temperature_c")


def join_watches(watches: Sequence[GpuWatch]) -> GpuConditions:
    """Return the medians of all readings of one GPU in some windows, and the union of the reasons.

    Args:
        watches: Its watch in each window, at least one.
    """
    gpu = watches[0].gpu
    medians = {
        name: median(values) if values else None
        for name in _READINGS
        for values in [[value for watch in watches for value in watch.readings[name]]]
    }
    reasons = [watch.reasons for watch in watches if watch.reasons is not None]
    return GpuConditions(
        device=f"gpu{gpu.index}",
        samples=sum(watch.samples for watch in watches),
        **medians,
        power_limit_w=gpu.power_limit_w(),
        throttle_reasons=_name_reasons(reduce(or_, reasons)) if reasons else None,
    )


def _name_reasons(bits: int) -> list[str]:
    named = [name for bit, name in _REASONS.items() if bits & bit]
    others = bits & ~sum(_REASONS)
    return sorted([*named, *([f"other_{others:#x}"] if others else [])])
