"""Energy counters of the hardware, read beside codecarbon: NVML's for GPUs, RAPL's for the host."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.measure.nvml import Gpu

POWERCAP = Path("/sys/class/powercap")
"""Where Linux shows RAPL; since 2020 only root may read the energies unless told otherwise."""

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


class CounterWindow:
    """Follows one counter through the rounds of a window."""

    def __init__(self, counter: EnergyCounter) -> None:
        """Follow this counter; nothing is read yet."""
        self.counter = counter
        self.rounds_j: list[float] = []
        """Joules of each round so far."""
        self._last_j: float | None = None
        self._last_at_s = 0.0
        self._due = 0
        self._moved = 0
        self._problem: str | None = None

    def begin_round(self, at_s: float) -> None:
        """Note where the counter stands at the start of a round.

        Args:
            at_s: The time, in seconds of any one clock.
        """
        self._last_j = self._read()
        self._last_at_s = at_s
        self.rounds_j.append(0.0)

    def sample(self, at_s: float) -> None:
        """Add what the counter advanced by since the last reading."""
        value = self._read()
        if value is None or self._last_j is None:
            return
        delta = value - self._last_j
        if delta < 0 and self.counter.wrap_j is not None:
            delta += self.counter.wrap_j
        if delta < 0:
            self._problem = "the counter went backwards, as after a reload of the driver"
            delta = 0.0
        # Two update intervals apart, a living counter must have moved.
        if at_s - self._last_at_s >= 2 * self.counter.update_s:
            self._due += 1
            self._moved += delta > 0
        self.rounds_j[-1] += delta
        self._last_j, self._last_at_s = value, at_s

    def problem(self, window_s: float, min_updates: int) -> str | None:
        """Why the counter gives no figure for the window, or None when it does.

        Args:
            window_s: Length of all rounds together.
            min_updates: Updates that the window must hold.
        """
        updates = round(window_s / self.counter.update_s)
        if self._problem is not None:
            return self._problem
        if updates < min_updates:
            return (
                f"the window of {window_s:.3g} s holds about {updates} updates of the counter"
                f" and {min_updates} are needed"
            )
        if not self.rounds_j or min(self.rounds_j) <= 0:
            return "the counter did not move for a whole round"
        if self._moved < self._due / 2:
            return f"the counter stood still in {self._due - self._moved} of {self._due} readings"
        return None

    def _read(self) -> float | None:
        value = self.counter.read_j()
        if value is None:
            self._problem = "the counter could not be read"
        return value


def nvml_counter(gpu: Gpu) -> EnergyCounter | None:
    """The total energy counter of a GPU; None on one older than Volta."""
    if gpu.energy_j() is None:
        return None
    return EnergyCounter(
        device=f"gpu{gpu.index}",
        method="NVML total energy counter, whole GPU",
        read_j=gpu.energy_j,
        wrap_j=None,
        update_s=_NVML_UPDATE_S,
    )


def rapl_counters(powercap: Path = POWERCAP) -> list[EnergyCounter]:
    """The readable RAPL counters: one per CPU package, and one per package's memory.

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
        return (zone / "name").read_text().strip()
    except OSError:
        return ""


def _energy_j(zone: Path) -> float | None:
    microjoules = _number(zone / "energy_uj")
    return None if microjoules is None else microjoules * 1e-6


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None
