"""Inlines SVG files into an HTML page, without scripts and with ids that do not clash."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from markupsafe import Markup

from vlmeter.errors import UserError, one_line
from vlmeter.storage.svg import read_checked

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_DROPPED = {f"{{{_SVG}}}{name}" for name in ("script", "foreignObject", "style", "metadata")}
_BASE_STYLE = "stroke-linejoin:round;stroke-linecap:butt"
"""The content of matplotlib's style sheet, which would apply to the whole page."""


def inline_svg(path: Path, prefix: str, title: str) -> Markup:
    """Return an SVG file as an element of an HTML page.

    Args:
        path: The SVG file, drawn by this package.
        prefix: Prefix of every id, since ids must be unique in a page.
        title: Label for screen readers.

    Raises:
        UserError: the file is missing or is not SVG.
    """
    root = _parse(path)
    _drop_unsafe(root)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name in ("href", f"{{{_XLINK}}}href"):
                element.set(name, f"#{prefix}-{value.removeprefix('#')}")
            else:
                element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("style", _BASE_STYLE)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    # Parsing and serialising escapes all text in the figure again.
    text = ET.tostring(root, encoding="unicode")
    return Markup(text)  # nosec B704


def read_vega(path: Path) -> str | None:
    """Return the Vega spec that an SVG file holds, as JSON; None where it holds none.

    Raises:
        UserError: the file is missing or is not SVG.
    """
    kept = _parse(path).find(f"{{{_SVG}}}metadata")
    return None if kept is None else kept.text


def _parse(path: Path) -> ET.Element:
    try:
        # The figures are this package's own, and expat limits the expansion of entities.
        return ET.fromstring(read_checked(path))  # nosec B314
    except (OSError, ValueError, ET.ParseError) as error:
        raise UserError(
            f"{path} cannot be read as SVG ({one_line(error)}): plot it again."
        ) from None


def _drop_unsafe(element: ET.Element) -> None:
    for child in list(element):
        if child.tag in _DROPPED:
            element.remove(child)
        else:
            _drop_unsafe(child)
