"""The seal at the end of an SVG file, which shows whether the file is complete, and whose it is."""

import re
from pathlib import Path

from vlmeter.storage.files import damaged, text_sha256, write_text
from vlmeter.storage.places import check_place, name_place

_MARK = "<!-- checksum: "
_SEAL = re.compile(r"[0-9a-f]{64} of (.+) -->\n")
"""What follows the mark, to the end of the file."""


def write_svg(path: Path, svg: str) -> None:
    """Write an SVG file with its checksum and its place as a comment at the end, atomically."""
    write_text(path, _seal(svg, name_place(path)))


def _seal(svg: str, place: str) -> str:
    return f"{svg}{_MARK}{text_sha256(svg + place)} of {place} -->\n"


def read_checked(path: Path) -> str:
    """Return the text of an SVG file; without a checksum, it is not checked.

    Raises:
        UserError: the text does not match its checksum, or is a copy of another figure.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise damaged(path) from None
    svg, mark, rest = text.rpartition(_MARK)
    if not mark:
        return text
    seal = _SEAL.fullmatch(rest)
    if seal is None or _seal(svg, seal[1]) != text:
        raise damaged(path)
    check_place(path, seal[1])
    return text
