"""What the job of a data set is given: where its rows come from, and which of them are taken."""

from dataclasses import dataclass
from pathlib import Path

from vlmeter.storage.texts import find_path


@dataclass(frozen=True)
class Synthetic:
    """Random images with prompts of an exact length."""

    text_tokens: int
    """Text tokens of every prompt, its start token included."""
    image_size: int
    """Side of the images in pixels."""


@dataclass(frozen=True)
class DataSource:
    """Where a data set comes from: a repository on the Hub, a path on disk, or neither."""

    hub: str | None = None
    config: str | None = None
    """Configuration of the repository."""
    split: str | None = None
    revision: str | None = None
    """Commit, branch or tag of the repository; None for the newest."""
    path: str | None = None
    table: str | None = None
    """Which table below `path`: a file name or a pattern; None for all."""
    synthetic: Synthetic | None = None

    def find_path(self) -> Path:
        """Return where it lies on the disk, as the disk writes that."""
        return find_path(Path(str(self.path)))


@dataclass(frozen=True)
class Columns:
    """The columns of the source by what they hold; None where it has none."""

    image: str
    references: str | None = None
    id: str | None = None
    question: str | None = None
    context: str | None = None
    choices: str | None = None
    answer_index: str | None = None

    def list_present(self) -> dict[str, str]:
        """Return the columns that the source has, by what they hold."""
        return {field: column for field, column in vars(self).items() if column is not None}


@dataclass(frozen=True)
class Sampling:
    """How many rows are drawn, and by which seed."""

    n: int
    seed: int


@dataclass(frozen=True)
class DatasetJob:
    """What a data set's sample depends on."""

    dataset: str
    task: str
    source: DataSource
    columns: Columns
    sample: Sampling
    content: str | None = None
    """Digest of a source on disk."""
    code: str = ""
    """Digest of the code of the job."""
