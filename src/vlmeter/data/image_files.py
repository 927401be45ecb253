"""Reads the image that a cell of an image column holds or names."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

_MAX_BYTES = 1 << 30
"""A larger file is no image that can be decoded safely; it may be a sparse file of any size."""


class Picture(NamedTuple):
    """An encoded image, or the reason why there is none."""

    data: bytes | None
    file: str | None = None
    """The file's name, where the data set gives it."""
    problem: str | None = None
    """Why there is no data."""


class ImageFiles:
    """The image files of a data set: only those below its folder."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder that holds the files; None if no file may be read."""
        self._folder = None if folder is None else folder.resolve()

    def read_picture(self, value: object, table: str) -> Picture:
        """Return the image that a cell holds or names.

        Args:
            value: The file's bytes, or a struct of bytes and path (the Hub's Image feature), or the
                file's name relative to the table.
            table: Path of the cell's table.
        """
        if isinstance(value, Mapping):
            name, data = value.get("path"), value.get("bytes")
            value = data or name
        else:
            name = None
        if isinstance(value, bytes) and value:
            return Picture(value, str(name) if name else None)
        if isinstance(value, str) and value.strip():
            return self._read_file(value.strip(), Path(table).parent)
        return Picture(None, None, "has no image")

    def _read_file(self, name: str, folder: Path) -> Picture:
        def refuse(reason: str) -> Picture:
            return Picture(None, name, f"has no image: {reason}")

        if self._folder is None:
            return refuse(
                f"{name} is a file's name; datasets.*.source.path has to be the folder that holds "
                "the table and its images"
            )
        if "://" in name:
            return refuse(f"{name} is an address; only files beside the table are read")
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
            return refuse(f"{name} is an absolute path; a file is named relative to the table")
        try:
            # Links are resolved before the check, so that none leads out of the folder.
            path = (folder / name).resolve()
            if not path.is_relative_to(self._folder):
                return refuse(f"{name} lies outside of {self._folder.name}/")
            if not path.exists():
                return refuse(f"the file {name} is missing")
            if not path.is_file():
                return refuse(f"{name} is no file")
            size = path.stat().st_size
            if size > _MAX_BYTES:
                return refuse(f"the file {name} has {size} bytes, more than {_MAX_BYTES}")
            data = path.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:
            # A name can be too long or hold a null, and links can form a circle.
            reason = getattr(error, "strerror", None) or error
            return refuse(f"the file {name!r} cannot be read ({reason})")
        return Picture(data, name) if data else refuse(f"the file {name} is empty")
