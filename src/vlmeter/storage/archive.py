"""The archive of a finished study: a ZIP file with a manifest of what it holds and leaves out.

The same files give the same bytes.
"""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from vlmeter.errors import Sentence, shorten
from vlmeter.provenance import software_versions
from vlmeter.storage.files import format_json, read_json, replacing
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.places import ARCHIVE
from vlmeter.storage.typed import from_plain

FORMAT = 1
"""The one form of archives that there is so far."""
_CHUNK_BYTES = 1 << 20
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first time that a ZIP file can state."""
_MODE = 0o100644


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class ArchiveManifest:
    """The content of `archive.json`, in an archive and in the study that was imported from it."""

    format: int
    study: str
    """The study's name."""
    version: str
    """Of the VLMeter that wrote it."""
    contents: dict[str, Member]
    """By path below the folder that the archive becomes."""
    left_out: dict[str, list[str]]
    """Paths below the study's results, by `images` or `weights`."""


def write_archive(
    target: Path,
    study: str,
    members: Mapping[str, Path | bytes],
    left_out: Mapping[str, list[str]],
) -> None:
    """Write an archive, atomically.

    Args:
        target: The file to write.
        study: The study's name.
        members: What it holds, by path below the folder that it becomes: a file or a content.
        left_out: Files of the study that it does not hold, by kind.
    """
    contents = {}
    with (
        replacing(target) as aside,
        zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        for name, source in sorted(members.items()):
            contents[name] = _add(archive, name, source)
        kinds = {kind: sorted(paths) for kind, paths in sorted(left_out.items()) if paths}
        version = software_versions(("vlmeter",))["vlmeter"]
        manifest = ArchiveManifest(FORMAT, study, version, contents, kinds)
        _add(archive, ARCHIVE, format_json(asdict(manifest)).encode())


def _add(archive: zipfile.ZipFile, name: str, source: Path | bytes) -> Member:
    """Add a file; its time, owner and mode are those of every file of every archive."""
    info = zipfile.ZipInfo(name, _EARLIEST)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix
    info.external_attr = _MODE << 16
    # By it a file of several gigabytes gets the form that such ones need.
    info.file_size = len(source) if isinstance(source, bytes) else source.stat().st_size
    digest, size = hashlib.sha256(), 0
    with archive.open(info, "w") as into:
        for chunk in _read_chunks(source):
            digest.update(chunk)
            size += len(chunk)
            into.write(chunk)
    return Member(size, digest.hexdigest())


def _read_chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        yield from iter_chunks(file)


def iter_chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of an open file, a part at a time."""
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def read_left_out(folder: StudyFolder) -> dict[str, list[str]]:
    """Return what an imported study's archive left out, by kind; nothing for any other study.

    Raises:
        UserError: the study's `archive.json` is damaged.
    """
    if not folder.archive.exists():
        return {}
    return from_plain(ArchiveManifest, read_json(folder.archive), folder.archive).left_out


def describe_left_out(left_out: Mapping[str, list[str]]) -> Sentence:
    """Say which files an archive does not hold; empty where it holds them all."""
    parts = [
        f"{len(paths)} file{'' if len(paths) == 1 else 's'} of {kind}, such as {shorten(paths[0])}"
        for kind, paths in left_out.items()
    ]
    return Sentence(f"Left out: {', and '.join(parts)}.") if parts else Sentence("")
