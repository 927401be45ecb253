"""Digests of the local files that a study reads, each file whole and once.

A file is read again only when its size, its time of change or its place on the disk differ from
what they were when it was read. So a study whose weights have not changed since costs no time.
"""

import os
import sys
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.storage.files import file_xxh3, read_json, text_sha256, write_json
from vlmeter.storage.typed import from_plain

_SETTLED_S = 2.0
"""A file that changed so shortly ago may change again within the clock tick of its file system."""
_LONG_BYTES = 1 << 30
"""From here on reading takes seconds, and a person who waits wants to know for what."""


@dataclass(frozen=True)
class _Entry:
    """A file as it was when it was read."""

    size_bytes: int
    modified_ns: int
    inode: int
    digest: str

    def is_of(self, status: os.stat_result) -> bool:
        return (self.size_bytes, self.modified_ns, self.inode) == _identify(status)


@dataclass
class _Cache:
    files: dict[str, _Entry] = field(default_factory=dict)
    """By absolute path."""
    names: dict[str, list[str]] = field(default_factory=dict)
    """What tables name, by a digest of the tables and of what is read of them."""


class ContentDigests:
    """The digests of files, kept in one file for all studies of a folder."""

    def __init__(self, store: Path) -> None:
        """Read what earlier runs kept in `store`; a damaged store costs reading the files again."""
        self._store = store
        try:
            self._cache = from_plain(_Cache, read_json(store), store)
        except UserError:
            self._cache = _Cache()
        self._is_changed = False

    def list_unread(self, files: Iterable[Path]) -> list[Path]:
        """Return the files that have to be read to be digested."""
        return [file for file in files if self._find(file, file.stat()) is None]

    def digest(self, files: Collection[Path], folder: Path) -> str:
        """Return a digest of the content of files and of their names below `folder`."""
        unread_bytes = sum(file.stat().st_size for file in self.list_unread(files))
        if unread_bytes >= _LONG_BYTES:
            print(f"Reading {unread_bytes / 1e9:.1f} GB of {folder}, once.", file=sys.stderr)
        # Names as bytes have the same order in each locale.
        named = sorted((os.fsencode(file.relative_to(folder)), file) for file in files)
        return text_sha256(
            "".join(f"{name.hex()} {self._digest_file(file)}\n" for name, file in named)
        )[:16]

    def find_names(self, key: str) -> list[str] | None:
        """Return the names that are kept under a key."""
        return self._cache.names.get(key)

    def keep_names(self, key: str, names: list[str]) -> None:
        """Keep names under a key."""
        self._cache.names[key] = names
        self._is_changed = True

    def save(self) -> None:
        """Keep what was read; where nothing can be written, it is read again the next time."""
        if self._is_changed:
            with suppress(OSError):
                write_json(self._store, asdict(self._cache))
            self._is_changed = False

    def _find(self, file: Path, status: os.stat_result) -> _Entry | None:
        entry = self._cache.files.get(_key(file))
        return entry if entry is not None and entry.is_of(status) else None

    def _digest_file(self, file: Path) -> str:
        status = file.stat()
        entry = self._find(file, status)
        if entry is None:
            entry = _Entry(*_identify(status), file_xxh3(file))
            if time.time() - status.st_mtime > _SETTLED_S:
                self._cache.files[_key(file)] = entry
                self._is_changed = True
        return entry.digest


def _identify(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _key(file: Path) -> str:
    # JSON holds no surrogates, by which Python keeps bytes that are no UTF-8.
    return os.fsencode(file.absolute()).decode("utf-8", "backslashreplace")
