"""From what stands in an image column to the bytes of an image file."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

_MOST_BYTES = 1 << 30
"""A larger file is no picture that could be decoded safely, and may be a hole without end."""


class Picture(NamedTuple):
    """An encoded image, or why there is none."""

    data: bytes | None
    file: str | None = None
    """The file's name, where the data set tells one."""
    problem: str | None = None
    """Why there is no data."""


class ImageFiles:
    """The image files of a data set: those below its folder, and no other."""

    def __init__(self, folder: Path | None) -> None:
        """Look names up below `folder`; without one no file is read."""
        self._folder = None if folder is None else folder.resolve()

    def picture(self, value: object, table: str) -> Picture:
        """Return the image that a cell stands for.

        Args:
            value: The file's bytes; the Hub's Image feature, a struct of bytes and path; or the
                file's name, relative to the table.
            table: Path of the table that it stands in.
        """
        if isinstance(value, Mapping):
            name, data = value.get("path"), value.get("bytes")
            value = data or name
        else:
            name = None
        if isinstance(value, bytes) and value:
            return Picture(value, str(name) if name else None)
        if isinstance(value, str) and value.strip():
            return self._read(value.strip(), Path(table).parent)
        return Picture(None, None, "has no image")

    def _read(self, name: str, folder: Path) -> Picture:
        def problem(words: str) -> Picture:
            return Picture(None, name, f"has no image: {words}")

        if self._folder is None:
            return problem(
                f"{name} is a file's name; datasets.*.source.path has to be the folder that holds "
                "the table and its images"
            )
        if "://" in name:
            return problem(f"{name} is an address; only files beside the table are read")
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
            return problem(f"{name} is an absolute path; a file is named relative to the table")
        try:
            # Symbolic links are followed first, so that none leads out of the folder.
            path = (folder / name).resolve()
            if not path.is_relative_to(self._folder):
                return problem(f"{name} lies outside of {self._folder.name}/")
            if not path.exists():
                return problem(f"the file {name} is missing")
            if not path.is_file():
                return problem(f"{name} is no file")
            size = path.stat().st_size
            if size > _MOST_BYTES:
                return problem(f"the file {name} has {size} bytes, more than {_MOST_BYTES}")
            data = path.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:
            # A name can be too long, hold a null, or lead round in a circle of links.
            words = getattr(error, "strerror", None) or error
            return problem(f"the file {name!r} cannot be read ({words})")
        return Picture(data, name) if data else problem(f"the file {name} is empty")
