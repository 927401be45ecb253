"""Energy counters of the hardware, read beside codecarbon: NVML's for GPUs, RAPL's for the host."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.measure.nvml import Gpu

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows RAPL; since 2020 only root may read the energies, if nothing allows more."""

_NVML_UPDATE_S = 0.1
_RAPL_UPDATE_S = 0.001
_MIRRORED_J = 1.0
"""Packages whose counters are this close are one meter seen twice: AMD's multi-die CPUs show the
socket's counter once per die."""


@dataclass(frozen=True)
class EnergyCounter:
    """A counter that only grows, until it wraps."""

    device: str
    """`cpu`, `ram` or `gpu0`."""
    method: str
    """What it is, in words."""
    read_j: Callable[[], float | None]
    """Joules since some moment; None when it cannot be read."""
    wrap_j: float | None
    """What it counts up to before it starts at zero again; None when it does not."""
    update_s: float
    """How often it advances."""


def make_nvml_counter(gpu: Gpu) -> EnergyCounter | None:
    """Return the total energy counter of a GPU; None on one older than Volta."""
    if gpu.energy_j() is None:
        return None
    return EnergyCounter(
        device=f"gpu{gpu.index}",
        method="NVML total energy counter, whole GPU",
        read_j=gpu.energy_j,
        wrap_j=None,
        update_s=_NVML_UPDATE_S,
    )


def make_rapl_counters(powercap: Path = POWERCAP) -> list[EnergyCounter]:
    """Return the readable RAPL counters: one per CPU package, and one per package's memory.

    Memory counts only where every package shows it, since a part of the memory is no figure.
    """
    packages = _distinct(
        [
            zone
            for zone in sorted(powercap.glob("intel-rapl:*"))
            if _name(zone).startswith("package")
        ]
    )
    memories = [
        zone
        for package in packages
        for zone in sorted(package.glob("intel-rapl:*:*"))
        if _name(zone) == "dram" and _energy_j(zone) is not None
    ]
    if len(memories) < len(packages):
        memories = []
    return [
        *(_rapl_counter("cpu", zone) for zone in packages),
        *(_rapl_counter("ram", zone) for zone in memories),
    ]


def _rapl_counter(device: str, zone: Path) -> EnergyCounter:
    limit = _number(zone / "max_energy_range_uj")

    def read_j() -> float | None:
        return _energy_j(zone)

    return EnergyCounter(
        device=device,
        method=f"RAPL {_name(zone)}",
        read_j=read_j,
        wrap_j=None if limit is None else limit * 1e-6,
        update_s=_RAPL_UPDATE_S,
    )


def _distinct(zones: Sequence[Path]) -> list[Path]:
    kept: list[tuple[Path, float]] = []
    for zone in zones:
        energy = _energy_j(zone)
        if energy is None or any(abs(energy - other) < _MIRRORED_J for _, other in kept):
            continue
        kept.append((zone, energy))
    return [zone for zone, _ in kept]


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text("utf-8").strip()
    except OSError:
        return ""


def _energy_j(zone: Path) -> float | None:
    microjoules = _number(zone / "energy_uj")
    return None if microjoules is None else microjoules * 1e-6


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
