"""How the energy of a machine's devices is known: what is written once and read by every cell."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlmeter.errors import Sentence

MEASURED = "measured"
MODELLED = "modelled"
CONSTANT = "constant"


@dataclass(frozen=True)
class CpuSource:
    """How the energy of the CPUs is known."""

    model: str
    mode: str
    """codecarbon's name for the way it reads them."""
    kind: str
    """`measured`, `modelled` or `constant`."""
    method: str
    tdp_w: float | None
    tdp_source: str | None


@dataclass(frozen=True)
class RamSource:
    """How the energy of the memory is known."""

    kind: str
    method: str
    power_w: float
    source: str
    """Where `power_w` is from."""
    total_gib: float


@dataclass(frozen=True)
class GpuSource:
    """How the energy of one GPU is known."""

    index: int
    name: str | None
    uuid: str | None
    power_limit_w: float | None
    kind: str
    method: str


@dataclass(frozen=True)
class Grid:
    """What a kWh of the electricity emits."""

    kg_per_kwh: float
    """Kilograms of CO2 equivalent."""
    source: str


@dataclass(frozen=True)
class IdlePower:
    """What the devices draw while nothing of the workflow runs."""

    power_w: dict[str, float | None]
    """By device; None where it cannot be measured."""
    reason: dict[str, str]
    """Why a power is None, by device, or by `machine` where nothing could be measured."""
    window_s: float | None = None
    """None where nothing could be measured."""
    load: float | None = None
    """The host's load average, by which a reader sees how idle the machine was."""
    foreign_cpu_share: float | None = None
    """Of the processors' time, what other processes took; None where it could not be read."""
    settle_s: float | None = None
    """How long it took until the machine was at rest."""
    settled: bool | None = None
    """Whether two readings agreed that it was; None where there were none."""


@dataclass(frozen=True)
class EnergySources:
    """How the energy of each device of a machine is known."""

    codecarbon: str
    """Its version."""
    cpu: CpuSource
    ram: RamSource
    gpus: tuple[GpuSource, ...]
    rapl: tuple[str, ...]
    """The counters of RAPL that can be read, in words."""
    grid: Grid
    idle: IdlePower | None = None
    """None where it was not measured: a cell cannot see to it that nothing else runs."""

    def get_idle_w(self, device: str) -> float | None:
        """Return the idle power of a device: `cpu`, `ram` or `gpu0`."""
        return None if self.idle is None else self.idle.power_w.get(device)

    def explain_idle(self, devices: Sequence[str]) -> str:
        """Return why the idle power of the first of some devices that have none is not known."""
        for device in devices:
            if self.get_idle_w(device) is None and self.idle is not None:
                reason = self.idle.reason.get(device) or self.idle.reason.get("machine")
                if reason:
                    return Sentence(f"the idle power of {device} is not known: {reason}")
        return Sentence("the idle power of a device is not known")
