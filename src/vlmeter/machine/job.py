"""What the job that describes a machine is given."""

from dataclasses import dataclass, field

from vlmeter.measure.settings import EnergySettings


@dataclass(frozen=True)
class PeakSetting:
    """A device with a number format, whose peak rate is measured."""

    device: str
    dtype: str


@dataclass(frozen=True)
class MachineJob:
    """What the description of a machine depends on."""

    energy: EnergySettings
    idle_window_s: float
    """Seconds over which idle power is measured."""
    cpu_threads: int | None
    """Threads of a cell; None for the physical cores that it may use."""
    peaks: list[PeakSetting]
    gpus: list[str] = field(default_factory=list)
    """The GPUs with their drivers: another one is another machine."""
    code: str = ""
    """Digest of the code of the job."""
    software: dict[str, str] = field(default_factory=dict)
    """Versions by package."""
