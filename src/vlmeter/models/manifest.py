"""What is written beside a stored model, and read by its cells."""

from dataclasses import asdict, dataclass, field
from pathlib import Path

from vlmeter.models.job import ModelSource
from vlmeter.storage.files import json_digest, read_json, write_placed_json
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class StoredFile:
    """A file of a stored model."""

    bytes: int
    sha256: str
    xxh3_128: str


@dataclass(frozen=True)
class ModelManifest:
    """The content of `models/<model>-<dtype>.json`; the files lie in a folder beside it."""

    model: str
    dtype: str
    source: ModelSource
    weights: str
    """`pretrained` or `random`."""
    revision: str | None = None
    """The source's commit on the Hub."""
    licence: str | None = None
    """As the model's card names it."""
    content: str | None = None
    """Digest of a source on disk."""
    parameters: int | None = None
    """None for a model that is not stored."""
    unsupported: str | None = None
    """Why the model is not stored: its type cannot be measured."""
    files: dict[str, StoredFile] = field(default_factory=dict)
    """By path below the folder."""

    @property
    def digest(self) -> str:
        """Digest of the model's files."""
        return json_digest({name: asdict(file) for name, file in self.files.items()})[:16]


def read_model_manifest(path: Path) -> ModelManifest:
    """Read the manifest of a model.

    Raises:
        UserError: the file is missing, damaged or no such manifest.
    """
    return from_plain(ModelManifest, read_json(path), path)


def write_model_manifest(path: Path, manifest: ModelManifest, key: str | None = None) -> None:
    """Write the manifest of a model; only one that is not stored has the key `unsupported`."""
    plain = asdict(manifest)
    if manifest.unsupported is None:
        del plain["unsupported"]
    write_placed_json(path, plain, key)
