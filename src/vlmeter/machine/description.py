"""What `machine.json` holds: the machine, described once and read by its cells and the report."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from vlmeter.measure.energy.description import EnergySources
from vlmeter.provenance import GitState
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU that this process may use and measure."""

    index: int
    """Its number for NVML, which is not renumbered by CUDA_VISIBLE_DEVICES."""
    name: str
    uuid: str
    memory_bytes: int | None
    """None where it has no memory of its own, but shares the host's."""
    driver: str

    def __str__(self) -> str:
        """Return what the GPU is called in a sentence."""
        return f"GPU {self.index} ({self.name})"


@dataclass(frozen=True)
class DescribedGpu(Gpu):
    """A GPU as it was when the machine was described."""

    taken: str | None = None
    """Which other processes had it, in words; None where it was free."""


@dataclass(frozen=True)
class Cpu:
    """The processor of a machine."""

    name: str
    physical_cores: int | None
    logical_cores: int | None


@dataclass(frozen=True)
class Host:
    """What a process can say of its machine in a second or two."""

    host: str
    """Digest of the hardware: another kind of machine has another one."""
    cpu: Cpu
    memory_bytes: int
    os: str
    container: str | None
    """The kind of container, where that can be seen."""
    python: str


@dataclass(frozen=True)
class Machine(Host):
    """A machine with the energy sources and the peak rates of its devices."""

    threads_of_a_cell: int
    gpus: tuple[DescribedGpu, ...]
    gpus_left_out: tuple[str, ...]
    """Why other GPUs cannot be measured, in words."""
    software: dict[str, str]
    """Versions by package."""
    energy: EnergySources
    peak_flop_per_s: dict[str, float | None] = field(default_factory=dict)
    """Rate of a large matrix product by `format_peak_key`; None where it cannot be measured."""
    peak_reason: dict[str, str] = field(default_factory=dict)
    """Why a rate is None, by the same keys."""
    git: GitState | None = None

    def find_peak(
        self, device: str, dtype: str, uuids: Collection[str] | None = None
    ) -> float | None:
        """Return the peak rate of a device in FLOP/s; None where there is none that holds.

        Args:
            device: `cpu` or `cuda`.
            dtype: `fp32`, `fp16` or `bf16`.
            uuids: Of the GPUs in question; None for all of the machine's. Among unlike GPUs there
                is no rate that holds for all.
        """
        if device != "cuda":
            return self.peak_flop_per_s.get(format_peak_key(device, dtype)) or None
        gpus = [gpu for gpu in self.gpus if uuids is None or gpu.uuid in uuids]
        if len({gpu.name for gpu in gpus}) != 1:
            return None
        rates = [self.peak_flop_per_s.get(format_peak_key(gpu.uuid, dtype)) for gpu in gpus]
        return max((rate for rate in rates if rate), default=None)


def format_peak_key(device: str, dtype: str) -> str:
    """Return the key of a rate in `machine.json`.

    Args:
        device: `cpu`, or the UUID of a GPU: one machine may hold unlike ones.
        dtype: `fp32`, `fp16` or `bf16`.
    """
    return f"{device}-{dtype}"


def read_machine(path: Path) -> Machine:
    """Read `machine.json`.

    Raises:
        UserError: the file is missing, damaged or describes no machine.
    """
    return from_plain(Machine, read_json(path), path)
