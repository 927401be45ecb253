"""What is written beside a data set's samples and beside its images, and read by later jobs."""

from dataclasses import dataclass
from pathlib import Path

from vlmeter.data.job import DataSource, Sampling
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class UnusableSample:
    """A sample that is left out."""

    id: str
    reason: str


@dataclass(frozen=True)
class SamplesManifest:
    """The content of `samples.json`, which lies beside `samples.parquet`."""

    dataset: str
    task: str
    source: DataSource
    revision: str | None
    """The source's commit on the Hub."""
    licence: str | None
    """As the source names it."""
    content: str | None
    """Digest of a source on disk."""
    sample: Sampling
    n: int
    """Rows of the table."""
    bad_samples: list[UnusableSample]
    sha256: str
    """Of the table, as cells answered it."""
    without_images_sha256: str | None = None
    """Of the table that lies here, where an archive left its images out."""

    @property
    def stored_sha256(self) -> str:
        """Of the table that lies here."""
        return self.without_images_sha256 or self.sha256


@dataclass(frozen=True)
class ImagesManifest:
    """The content of `images.json`, which lies beside `images.parquet`."""

    dataset: str
    image_size: int
    """Side of the images in pixels; of a square with as many pixels where forms are kept."""
    samples_sha256: str
    """Of the table of samples that they were made from."""
    n: int
    """Rows of the table."""
    bad_samples: list[UnusableSample]
    """Those of the samples, then those whose image cannot be decoded."""
    sha256: str
    """Of the table."""
    keeps_aspect_ratio: bool = False
    """Whether images are only made smaller, in the form that they have."""


def read_samples_manifest(path: Path) -> SamplesManifest:
    """Read a `samples.json`.

    Raises:
        UserError: the file is missing, damaged or no such manifest.
    """
    return from_plain(SamplesManifest, read_json(path), path)


def read_images_manifest(path: Path) -> ImagesManifest:
    """Read an `images.json`.

    Raises:
        UserError: the file is missing, damaged or no such manifest.
    """
    return from_plain(ImagesManifest, read_json(path), path)
