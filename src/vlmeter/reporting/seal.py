"""A checksum at the end of an SVG file, by which it is known to be whole."""

from pathlib import Path

from vlmeter.files import damaged, text_sha256

_MARK = "<!-- checksum: "


def sealed(svg: str) -> str:
    """Return the text of an SVG file with a checksum of it as a comment at its end."""
    return f"{svg}{_MARK}{text_sha256(svg)} -->\n"


def read_sealed(path: Path) -> str:
    """Return the text of an SVG file; one without a checksum is taken as it is.

    Raises:
        UserError: it is not what was written.
    """
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise damaged(path) from None
    svg, mark, _ = text.rpartition(_MARK)
    if mark and sealed(svg) != text:
        raise damaged(path)
    return text
