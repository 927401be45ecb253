"""Puts figures into an HTML page: as SVG without scripts, with ids of its own, and as a spec."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from vlmeter.errors import UserError, one_line
from vlmeter.storage.svg import read_checked

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_DROPPED = {
    f"{{{_SVG}}}{name}" for name in ("script", "foreignObject", "style", "metadata", "title")
}
_IDLE = {"role", "class", "pointer-events"}
_USUAL = {("opacity", "1"), ("transform", "translate(0,0)")}
_PLACES = {"d", "transform", "x", "y", "x1", "x2", "y1", "y2"}
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True)
class InlineFigure:
    """A figure as a page holds it."""

    svg: Markup
    """An `svg` element, which is what a page without scripts shows."""
    spec: Markup
    """The Vega spec of the same figure as JSON, for a `script` element; empty without one."""
    alt: str
    """What a person sees in the figure."""


def inline_figure(path: Path, prefix: str, title: str) -> InlineFigure:
    """Return an SVG file as an element of an HTML page, and the spec that it was drawn from.

    Args:
        path: The SVG file, drawn by this package.
        prefix: Prefix of every id, since ids must be unique in a page.
        title: Label for screen readers where the file has none.

    Raises:
        UserError: the file is missing or is not SVG.
    """
    try:
        text = read_checked(path)
        # The figures are this package's own, and expat limits the expansion of entities.
        root = ET.fromstring(text)  # nosec B314
    except (OSError, ValueError, ET.ParseError) as error:
        raise UserError(
            f"{path} cannot be read as SVG ({one_line(error)}): plot it again."
        ) from None
    alt = root.findtext(f"{{{_SVG}}}title") or title
    # A string of JSON may hold what would end the element.
    spec = root.findtext(f"{{{_SVG}}}metadata") or ""
    spec = spec.replace("<", "\\u003c").replace(">", "\\u003e")
    _drop_unsafe(root)
    _prefix_ids(root, prefix)
    _drop_idle(root)
    root.set("role", "img")
    root.set("aria-label", alt)
    # As wide as it was drawn, or as the page.
    width = root.attrib.pop("width", "").removesuffix("px")
    root.attrib.pop("height", None)
    root.set("style", f"width:100%;max-width:{width}px" if width.isdigit() else "width:100%")
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    # Parsing and serialising escapes all text in the figure again.
    svg = ET.tostring(root, encoding="unicode")
    return InlineFigure(Markup(svg), Markup(spec), alt)  # nosec B704


def _prefix_ids(root: ET.Element, prefix: str) -> None:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name in ("href", f"{{{_XLINK}}}href"):
                element.set(name, f"#{prefix}-{value.removeprefix('#')}")
            else:
                element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))


def _drop_idle(root: ET.Element) -> None:
    """Drop what changes nothing that is seen: it is half of what Vega writes.

    Its marks have roles, and not all of them a name: the figure has one description instead.
    """
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name in _IDLE or name[:5] == "aria-" or (name, value) in _USUAL:
                del element.attrib[name]
            elif name in _PLACES:
                element.set(name, _LONG_NUMBER.sub(_round, value))
        for child in list(element):
            if child.get("display") == "none" or child.get("d") == "M0,0h0v0h0Z":
                element.remove(child)


def _round(number: re.Match[str]) -> str:
    return f"{float(number.group()):.2f}"


def _drop_unsafe(element: ET.Element) -> None:
    for child in list(element):
        if child.tag in _DROPPED:
            element.remove(child)
        else:
            _drop_unsafe(child)
