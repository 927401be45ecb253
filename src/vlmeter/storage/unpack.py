"""Unpacks the archive of a study, of which nothing is trusted.

Refused is what would write elsewhere than below the new folder, what unfolds without measure, what
is cut off, and what is not what the archive's own manifest says. The manifest is not signed: it
shows damage, and whose archive it is must be known by other means.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from vlmeter.errors import UserError, one_line, shorten
from vlmeter.storage.archive import FORMAT, ArchiveManifest, Member, iter_chunks
from vlmeter.storage.files import describe_disk_refusal
from vlmeter.storage.layout import CONFIG, RESULTS
from vlmeter.storage.places import ARCHIVE
from vlmeter.storage.typed import from_plain

_MOST_OF_A_MANIFEST = 64 << 20
_MOST_TIMES_LARGER = 100
_ALWAYS_ALLOWED_BYTES = 64 << 20
"""Tables and pages shrink to a tenth; what unfolds to more than this and 100 times itself is
made to fill a disk."""
_STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_BESIDE = re.compile(r"report/published/[^/]+\.yaml|.+\.(csv|json)")
"""What a config may name beside the results: published figures, and the tables of a baseline."""
_ENCRYPTED = 1


class Archive:
    """An archive whose entries and manifest were looked at."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        """Look at the names and sizes of all entries before any is unpacked."""
        self._path, self._file = path, file
        entries = file.infolist()
        for entry in entries:
            self._check_entry(entry)
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) < len(entries):
            raise self._refuse("holds two files of one name")
        self.manifest = self._read_manifest()
        self._check_contents()
        self._check_sizes(entries)

    def extract(self, into: Path) -> None:
        """Write all files below a folder; the manifest lies with the study's results.

        Raises:
            UserError: a file is cut off or not what the manifest says.
        """
        for name, member in self.manifest.contents.items():
            self._extract(name, member, into / name)
        results = into / RESULTS / self.manifest.study
        results.mkdir(parents=True, exist_ok=True)
        (results / ARCHIVE).write_bytes(self._file.read(ARCHIVE))
        # Of one time: none is to look older than what it was made from.
        time = (results / ARCHIVE).stat().st_mtime_ns
        for name in self.manifest.contents:
            os.utime(into / name, ns=(time, time))

    def _extract(self, name: str, member: Member, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with self._file.open(name) as packed, path.open("xb") as file:
            for chunk in iter_chunks(packed):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != member.sha256:
            raise self._refuse(f"is damaged: {shorten(name)} is not what was exported")

    def _check_entry(self, entry: zipfile.ZipInfo) -> None:
        # A name is cut at a null byte; the original one says what was meant.
        name = entry.orig_filename
        parts = name.split("/")
        if "\\" in name or not name.isprintable() or any(not p or p[0] == "." for p in parts):
            raise self._refuse(f'would write to "{shorten(name)}"')
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise self._refuse(f"holds a link or device, {shorten(name)}")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise self._refuse(f"holds {shorten(name)} encrypted or packed in an unusual way")

    def _read_manifest(self) -> ArchiveManifest:
        entry = self._entries.get(ARCHIVE)
        if entry is None or entry.file_size > _MOST_OF_A_MANIFEST:
            raise self._refuse(f"is no study that `vlmeter export` wrote: it has no {ARCHIVE}")
        try:
            plain = json.loads(self._file.read(ARCHIVE).decode())
        except (ValueError, RecursionError) as error:
            raise self._refuse(f"is damaged: {ARCHIVE} is no JSON ({one_line(error)})") from None
        version = plain.get("format") if isinstance(plain, dict) else None
        if version != FORMAT:
            raise UserError(
                f"{self._path} is an archive of the form {shorten(version)}, of which this VLMeter "
                f"reads {FORMAT}: import it with the VLMeter that wrote it."
            )
        manifest = from_plain(ArchiveManifest, plain, self._path, ARCHIVE)
        if not _STUDY_NAME.fullmatch(manifest.study):
            raise self._refuse(f'names its study "{shorten(manifest.study)}"')
        return manifest

    def _check_contents(self) -> None:
        listed = {*self.manifest.contents, ARCHIVE}
        for name in sorted(listed ^ set(self._entries)):
            missing = name in listed
            words = "lacks" if missing else "holds, though its manifest does not name it,"
            raise self._refuse(f"{words} {shorten(name)}")
        results = RESULTS / self.manifest.study
        for name, member in self.manifest.contents.items():
            path = PurePosixPath(name)
            in_place = name == str(CONFIG) or path.is_relative_to(results)
            # A profile or a Snakefile would be taken by the next command in the new folder.
            if not in_place and not _BESIDE.fullmatch(name):
                raise self._refuse(f"would write to {shorten(name)}, which is no part of a study")
            if self._entries[name].file_size != member.bytes:
                raise self._refuse(f"is damaged: {shorten(name)} has another size than exported")
        if str(CONFIG) not in self.manifest.contents:
            raise self._refuse(f"lacks {CONFIG}")

    def _check_sizes(self, entries: Sequence[zipfile.ZipInfo]) -> None:
        size = self._path.stat().st_size
        packed = sum(entry.compress_size for entry in entries)
        unpacked = sum(entry.file_size for entry in entries)
        # Entries that overlap state more than there is.
        if packed > size or unpacked > _ALWAYS_ALLOWED_BYTES + _MOST_TIMES_LARGER * size:
            raise self._refuse(f"would unfold from {size} to {unpacked} bytes, as no study does")

    def _refuse(self, words: str) -> UserError:
        return UserError(f"{self._path} {words}: nothing was imported; ask for it once more.")


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open an archive and look at what it would write; nothing is written.

    Raises:
        UserError: it is missing, cut off, damaged, or would do what the module's head names.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(path, file)
    except FileNotFoundError as error:
        if error.filename != str(path):
            raise
        raise UserError(f"{path} does not exist: say which archive to import.") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UserError(
            f"{path} is no ZIP file, is cut off or damaged ({one_line(error)}): nothing was "
            "imported; ask for it once more."
        ) from None
    except OSError as error:
        words = describe_disk_refusal(error) or f"{path} cannot be imported ({one_line(error)})."
        raise UserError(words) from None


def check_room(manifest: ArchiveManifest, folder: Path) -> None:
    """Check that the disk of a folder has room for what an archive holds.

    Raises:
        UserError: it has not.
    """
    needed = sum(member.bytes for member in manifest.contents.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(f"{folder} has {free} bytes left, and the study needs {needed}.")
