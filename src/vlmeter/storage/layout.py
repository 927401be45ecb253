"""Where each file of a study lies, and the key of a cell.

The rules of the workflow ask with wildcards in the place of names: `"{dataset}"` is a name too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from vlmeter.source_file import CHECKOUT
from vlmeter.storage.places import ARCHIVE, get_note

CONFIG = Path("config/config.yaml")
"""The config that is taken where none is named, from the working directory."""
RESULTS = Path("results")
"""Holds the folders of all studies, from the working directory."""
SOURCE_DIGESTS = RESULTS / ".sources.json"
"""Digests of the local files that studies read."""

AttemptKind = Literal["cells", "layers", "control", "shards"]
PreparedKind = Literal["samples", "images", "models"]
ATTEMPT_KINDS: tuple[AttemptKind, ...] = ("cells", "layers", "control", "shards")


def locate(name: str) -> Path:
    """Return the path of a file of the checkout, as Snakemake is to note it.

    It is relative where the checkout is the working directory, so that a study which moves with its
    checkout has nothing to do.

    Args:
        name: Its path below the checkout.
    """
    return Path(name) if Path.cwd() == CHECKOUT else CHECKOUT / name


class CellKey(NamedTuple):
    """Names a cell within a study."""

    dataset: str
    cell: str
    """The cell's id."""


class DifferenceKey(NamedTuple):
    """Names a cell and the cell that it is compared with, on the same data set."""

    dataset: str
    cell: str
    base: str


@dataclass(frozen=True)
class CellFolder:
    """The files of a cell, or of the control, which is never scored."""

    root: Path

    @property
    def measurement(self) -> Path:
        """What it costs."""
        return self.root / "measurement.json"

    @property
    def predictions(self) -> Path:
        """What the model answered."""
        return self.root / "predictions.parquet"

    @property
    def timings(self) -> Path:
        """Every raw time."""
        return self.root / "timings.parquet"

    @property
    def record(self) -> Path:
        """The measurement with the quality of the answers."""
        return self.root / "record.json"

    @property
    def scores(self) -> Path:
        """The scores of each sample."""
        return self.root / "scores.parquet"


@dataclass(frozen=True)
class ShardFolder:
    """The files of a cell that answers in shards, until they are gathered."""

    root: Path

    @property
    def costs(self) -> Path:
        """The measurement without answers."""
        return self.root / "costs.json"

    @property
    def timings(self) -> Path:
        """Every raw time."""
        return self.root / "timings.parquet"

    def answers(self, number: int | str, shards: int | str) -> Path:
        """Return the answers of a shard; the first has the number 1."""
        return self.root / f"{number}-of-{shards}.parquet"

    def manifest(self, number: int | str, shards: int | str) -> Path:
        """Return the manifest of a shard's answers."""
        return self.root / f"{number}-of-{shards}.json"


@dataclass(frozen=True)
class DatasetFolder:
    """The files of a data set's sample."""

    root: Path

    @property
    def samples(self) -> Path:
        """The samples with their images as they came."""
        return self.root / "samples.parquet"

    @property
    def manifest(self) -> Path:
        """What is in the samples, and where they came from."""
        return self.root / "samples.json"

    def images(self, size: str) -> Path:
        """Return the images at a size, such as 224 or 224-native."""
        return self.root.joinpath(f"img{size}", "images.parquet")

    def images_manifest(self, size: str) -> Path:
        """Return the manifest of the images at a size."""
        return self.root.joinpath(f"img{size}", "images.json")


@dataclass(frozen=True)
class StudyFolder:
    """The files of a study."""

    # Each place is joined in one step: a large study asks for tens of thousands.
    root: Path

    @property
    def machine(self) -> Path:
        """The machine's description."""
        return self.root / "machine.json"

    @property
    def machine_described(self) -> Path:
        """Marks that the machine was described in this run."""
        return self.root / "machine.described"

    @property
    def machine_noted(self) -> Path:
        """Marks what the machine was described for."""
        return self.root / "machine.noted"

    def dataset(self, name: str) -> DatasetFolder:
        """Return the files of a data set."""
        return DatasetFolder(self.root.joinpath("data", name))

    @property
    def models(self) -> Path:
        """Holds a folder and a manifest for each stored model."""
        return self.root / "models"

    def model_manifest(self, model: str, dtype: str) -> Path:
        """Return the manifest of a stored model; its folder has the name without the ending."""
        return self.root.joinpath("models", f"{model}-{dtype}.json")

    @property
    def cells(self) -> Path:
        """Holds a folder for each data set, and in it one for each cell."""
        return self.root / "cells"

    def cell(self, key: CellKey) -> CellFolder:
        """Return the files of a cell."""
        return CellFolder(self.root.joinpath("cells", key.dataset, key.cell))

    def shards(self, key: CellKey) -> ShardFolder:
        """Return the files of a cell's shards."""
        return ShardFolder(self.root.joinpath("shards", key.dataset, key.cell))

    @property
    def control(self) -> CellFolder:
        """The second measurement of the base cell."""
        return CellFolder(self.root / "control")

    def layer_table(self, key: CellKey) -> Path:
        """Return the table of a cell's layer profile."""
        return self.root.joinpath("layers", key.dataset, f"{key.cell}.csv")

    def layer_record(self, key: CellKey) -> Path:
        """Return how a cell's layer profile ended."""
        return self.root.joinpath("layers", key.dataset, f"{key.cell}.json")

    @property
    def attempts(self) -> Path:
        """Holds the notes of attempts, by kind and data set."""
        return self.root / "attempts"

    def attempts_of(self, kind: AttemptKind) -> Path:
        """Return the folder with the notes of all attempts of a kind."""
        return self.attempts / kind

    def attempt(self, kind: AttemptKind, dataset: str, name: str) -> Path:
        """Return the note of a job's last attempt."""
        return get_note(self.root, kind, dataset, name)

    def job_note(self, kind: PreparedKind, owner: str, name: str) -> Path:
        """Return what the samples or images of a data set, or a model, were made for."""
        return get_note(self.root, kind, owner, name)

    @property
    def running(self) -> Path:
        """Held by the run that works on the study."""
        return self.root / ".running"

    @property
    def config(self) -> Path:
        """The config that the study was last run with."""
        return self.root / "config.yaml"

    @property
    def archive(self) -> Path:
        """The manifest of the archive that the study was imported from."""
        return self.root / ARCHIVE

    @property
    def summary(self) -> Path:
        """A row per cell."""
        return self.root / "summary.csv"

    @property
    def summary_parquet(self) -> Path:
        """The same with types and units."""
        return self.root / "summary.parquet"

    @property
    def layers(self) -> Path:
        """A row per module of each layer profile."""
        return self.root / "layers.csv"

    @property
    def differences(self) -> Path:
        """A row per cell and cell that it is compared with."""
        return self.root / "differences.csv"

    @property
    def repeatability(self) -> Path:
        """How well costs repeat."""
        return self.root / "repeatability.json"

    @property
    def tables(self) -> Path:
        """The checksums of the tables."""
        return self.root / "tables.json"

    @property
    def fits(self) -> Path:
        """A row per setting and memory that it is to fit."""
        return self.root / "fits.csv"

    @property
    def money(self) -> Path:
        """A row per cell: what its answers cost."""
        return self.root / "money.csv"

    @property
    def study(self) -> Path:
        """The whole study in one file."""
        return self.root / "study.json"

    @property
    def gates(self) -> Path:
        """How the gates were judged."""
        return self.root / "gates.json"

    @property
    def check(self) -> Path:
        """The last file of a finished study."""
        return self.root / "check.json"

    @property
    def answers(self) -> Path:
        """The samples and answers that the report shows; their pictures lie beside it."""
        return self.root / "gallery" / "answers.json"

    def figure(self, name: str) -> Path:
        """Return a figure in English."""
        return self.root / "figures" / f"{name}.svg"

    @property
    def report(self) -> Path:
        """The report as Markdown in English."""
        return self.root / "report.md"

    @property
    def page(self) -> Path:
        """The report as a page in English."""
        return self.root / "study.html"

    @property
    def table_pages(self) -> tuple[Path, ...]:
        """The tables as pages that a browser opens: settings, differences, layers."""
        tables = (self.summary, self.differences, self.layers)
        return tuple(table.with_suffix(".html") for table in tables)

    @property
    def report_checksums(self) -> Path:
        """The checksums of the reports."""
        return self.root / "report.json"

    def log(self, *names: str) -> Path:
        """Return a job's log; the names before the last are those of folders."""
        return self.root.joinpath("logs", *names[:-1], f"{names[-1]}.log")
