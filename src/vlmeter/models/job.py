"""What the job of a model is given: where its weights come from, and their number format."""

from dataclasses import dataclass, field
from pathlib import Path

from vlmeter.storage.texts import find_path


@dataclass(frozen=True)
class ModelSource:
    """Where a model's weights come from: a repository on the Hub or a folder on disk."""

    hub: str | None = None
    revision: str | None = None
    """Commit, branch or tag of the repository; None for the newest."""
    path: str | None = None
    allow: list[str] = field(default_factory=list)
    """What could run foreign code and is allowed: `pickle`, `remote_code`."""

    @property
    def name(self) -> str:
        """The repository's name or the folder's path."""
        return str(self.hub or self.path)

    def find_path(self) -> Path:
        """Return the folder where it lies on the disk, as the disk writes that."""
        return find_path(Path(str(self.path)))


@dataclass(frozen=True)
class ModelJob:
    """What a stored model depends on."""

    model: str
    dtype: str
    source: ModelSource
    weights: str
    """`pretrained` or `random`."""
    content: str | None = None
    """Digest of a source on disk."""
    code: str = ""
    """Digest of the code of the job."""
    software: dict[str, str] = field(default_factory=dict)
    """Versions by package."""
