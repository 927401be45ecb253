"""What each measuring job is given.

The planner builds these dataclasses, the params of the rules are their plain form, and the scripts
build them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Self

from vlmeter.axes import Axes
from vlmeter.measure.settings import MeasureSettings
from vlmeter.models.decoding import Decoding
from vlmeter.models.optimization import Optimization


@dataclass(frozen=True)
class CellSetup:
    """A cell as each of its jobs needs it: what is computed, and where."""

    id: str
    dataset: str
    axes: Axes
    gpus: int
    """GPUs that it has to itself; none on a CPU."""
    optimization: Optimization
    task: str
    template: str | None
    """Of the prompts; None for the model family's own."""
    decoding: Decoding
    seed: int
    cpu_threads: int | None
    """Threads that it computes with; None for the physical cores."""


@dataclass(frozen=True)
class Job:
    """What every measuring job depends on."""

    cell: CellSetup
    code: str
    """Digest of the code that does its work."""
    software: dict[str, str]
    """Versions of the libraries that decide its figures."""

    def as_params(self) -> dict[str, object]:
        """Return its plain form."""
        return _make_plain(self)


@dataclass(frozen=True)
class CellJob(Job):
    """Measures a cell's costs, and answers its samples."""

    measure: MeasureSettings
    cost_only: bool
    """Whether no sample is answered."""


@dataclass(frozen=True)
class Shard:
    """Which part of a cell's answers."""

    number: int
    """From 1."""
    shards: int


@dataclass(frozen=True)
class ShardJob(Job):
    """Answers a part of a cell's samples."""

    shard: Shard


@dataclass(frozen=True)
class LayersJob(Job):
    """Profiles a cell's forward pass and decode step layer by layer."""

    measure: MeasureSettings
    iterations: int
    """Passes behind each profile."""


@dataclass(frozen=True)
class JobAttempt:
    """Which try a job is; no part of what it depends on."""

    count: int
    """From 1."""
    key: str
    """Digest of what the job depends on: under another key, counting begins anew."""
    note: str
    """Path of the file that keeps how the try ended."""


@dataclass(frozen=True)
class CellInputs:
    """The files that a job opens a cell from."""

    images: Path
    """Manifest of the images."""
    model: Path | None
    """Manifest of the model; None where the device was not there when the run began."""

    @classmethod
    def from_files(cls, files: Mapping[str, str]) -> Self:
        """Take them from a rule's inputs, by name."""
        model = files.get("model")
        return cls(Path(files["images"]), None if model is None else Path(model))

    @property
    def opened_model(self) -> Path:
        """The model's manifest, for a job whose device is there."""
        assert self.model is not None, "a cell is opened only where its device is"
        return self.model


def _make_plain(block: object) -> dict[str, object]:
    # Not `asdict`, which copies in depth: a large study asks for thousands of these.
    return {
        name: _make_plain(value) if is_dataclass(value) else value
        for name, value in vars(block).items()
    }
