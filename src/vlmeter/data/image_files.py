"""Reads the image that a cell of an image column holds or names."""

import base64
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from vlmeter.data.cells import (
    Cell,
    CellError,
    describe_kind,
    is_missing,
    parse_brackets,
    read_text,
)
from vlmeter.errors import UserError, shorten
from vlmeter.storage.texts import find_path, list_names

_MAX_BYTES = 1 << 30
"""A larger file is no image that can be decoded safely; it may be a sparse file of any size."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_LONGEST_NAME_CHARS = 255
"""Of a file: a longer text of Base64's letters is no name."""
_STARTS = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP"),
    *(b"\xff\x4f\xff\x51", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
)
"""How files of images begin: a short text of Base64's letters may as well be a name."""
_SHORTEST_IMAGE_CHARS = 60


class Picture(NamedTuple):
    """An encoded image."""

    data: bytes
    file: str | None = None
    """The file's name, where the data set gives it."""


class ImageFiles:
    """The image files of a data set: only those below its folder."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder that holds the files; None if no file may be read."""
        self._folder = None if folder is None else folder.resolve()
        self._list_names = cache(list_names)

    def read_picture(self, cell: Cell, table: str) -> Picture | str:
        """Return the image that a cell holds or names, or the reason why there is none.

        Args:
            cell: The file's bytes, or a struct of bytes and path (the Hub's Image feature), or a
                text in Base64, or the file's name relative to the table, or a list of one of these.
            table: Path of the cell's table.

        Raises:
            CellError: the cell is of another kind.
        """
        held = read_image(cell)
        if held is None:
            return "has no image"
        if isinstance(held, Picture):
            return held
        return self._read_file(held, Path(table).parent)

    def _read_file(self, name: str, folder: Path) -> Picture | str:
        shown = shorten(name)
        try:
            path = self._find_file(name, folder)
            if isinstance(path, str):
                return f"has no image: {path}"
            data = path.read_bytes()
        except UserError as error:
            return f"has no image: {shown} may be several files ({shorten(error)})"
        except (OSError, ValueError, RuntimeError) as error:
            # A name can be too long or hold a null, and links can form a circle.
            reason = getattr(error, "strerror", None) or error
            return f"has no image: the file {shown} cannot be read ({shorten(reason)})"
        return Picture(data, name) if data else f"has no image: the file {shown} is empty"

    def _find_file(self, name: str, folder: Path) -> Path | str:
        """Return the file of an image, or the reason why none is read.

        Raises:
            UserError: several files have this name, in other forms of Unicode.
        """
        shown = shorten(name)
        if self._folder is None:
            return (
                f"{shown} is a file's name; datasets.*.source.path has to be the folder that holds "
                "the table and its images"
            )
        if "://" in name:
            return f"{shown} is an address; only files beside the table are read"
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive:
            return f"{shown} is an absolute path; a file is named relative to the table"
        # Links are resolved before the check, so that none leads out of the folder.
        path = (folder / name).resolve()
        if path.is_relative_to(self._folder):
            path = find_path(folder / name, self._list_names).resolve()
        if not path.is_relative_to(self._folder):
            return f"{shown} lies outside of {shorten(self._folder.name)}/"
        if not path.exists():
            return f"the file {shown} is missing"
        if not path.is_file():
            return f"{shown} is no file"
        size = path.stat().st_size
        if size > _MAX_BYTES:
            return f"the file {shown} has {size} bytes, more than {_MAX_BYTES}"
        return path


def read_image(cell: Cell) -> Picture | str | None:
    """Return the image that a cell holds, or the name of its file; None where it is missing.

    Raises:
        CellError: the cell is of another kind, or holds several images.
    """
    value: Any = parse_brackets(cell.value)
    if isinstance(value, list):
        if len(value) > 1:
            raise CellError(
                f"has a list of {len(value)} images in column {shorten(cell.column)}, where one "
                "is needed"
            )
        value = value[0] if value else None
    name = None
    if isinstance(value, Mapping) and {"bytes", "path"} & value.keys():
        value, path = value.get("bytes") or value.get("path"), value.get("path")
        name = path if isinstance(path, str) and path else None
    if is_missing(value) or value in (b"", ""):
        return None
    if isinstance(value, bytes):
        text = "" if value.startswith(_STARTS) else value.decode("ascii", "replace")
        return Picture(_decode_base64(text, cell.column) or value, name)
    if isinstance(value, str):
        text = (read_text(Cell(cell.column, value)) or "").strip()
        data = _decode_base64(text, cell.column)
        return (text or None) if data is None else Picture(data, name)
    raise CellError(
        f"has {describe_kind(value)} in column {shorten(cell.column)}, where an image is needed"
    )


def _decode_base64(text: str, column: str) -> bytes | None:
    """Return the bytes that a text holds in Base64, with or without `data:` before; else None.

    Raises:
        CellError: the text is Base64 without doubt, and is damaged.
    """
    head, comma, body = text.partition(",")
    # The scheme of an address may be in capitals (RFC 3986, section 3.1).
    is_data = head.lstrip()[:5].lower() == "data:" and bool(comma)
    letters = "".join((body if is_data else text).split())
    sure = is_data or len(letters) > _LONGEST_NAME_CHARS
    if not is_data and not (len(letters) >= _SHORTEST_IMAGE_CHARS and _BASE64.fullmatch(letters)):
        return None
    plain = letters.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        if sure:
            raise CellError(
                f"has a text in Base64 in column {shorten(column)} that is damaged "
                f"({shorten(error)})"
            ) from None
        return None
    return data if sure or data.startswith(_STARTS) or data[4:8] == b"ftyp" else None
