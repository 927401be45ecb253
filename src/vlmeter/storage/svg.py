"""A checksum at the end of an SVG file, which shows whether the file is complete."""

from pathlib import Path

from vlmeter.storage.files import damaged, text_sha256

_MARK = "<!-- checksum: "


def add_checksum(svg: str) -> str:
    """Return the text of an SVG file with its checksum as a comment at the end."""
    return f"{svg}{_MARK}{text_sha256(svg)} -->\n"


def read_checked(path: Path) -> str:
    """Return the text of an SVG file; without a checksum, it is not checked.

    Raises:
        UserError: the text does not match its checksum.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise damaged(path) from None
    svg, mark, _ = text.rpartition(_MARK)
    if mark and add_checksum(svg) != text:
        raise damaged(path)
    return text
