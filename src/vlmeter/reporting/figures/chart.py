"""A chart: one Vega-Lite spec, drawn by a browser where it runs a script, and as SVG where not.

The SVG of a chart holds its spec, compiled to Vega, so that a figure is one file: what shows the
file draws it, and the page takes both forms out of it.
"""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import vl_convert

from vlmeter.escaping import printable
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.language import LANGUAGES, get_figure_path, use_language
from vlmeter.results.numbers import write_decimals
from vlmeter.storage.svg import write_svg

_VEGA_LITE = "6.4"
_FIRST_TAG = re.compile(r"<svg\b[^>]*>")


@dataclass(frozen=True)
class Chart:
    """What a figure shows, before it is drawn."""

    spec: Spec
    """The Vega-Lite spec, with its data."""
    alt: str
    """What a person sees in the figure, in a sentence or two, in the current language."""
    page_spec: Spec | None = None
    """The spec that a page with scripts draws instead, where it offers a choice."""


def compile_chart(chart: Chart) -> Spec:
    """Return the spec of a chart's page in Vega, which is drawn without compiling.

    Raises:
        ValueError: the spec is not Vega-Lite.
    """
    return _compile(chart.page_spec or chart.spec, chart.alt)


def _compile(spec: Spec, alt: str) -> Spec:
    vega: Spec = vl_convert.vegalite_to_vega(spec, vl_version=_VEGA_LITE)
    # What draws it knows its version, and asks no address for a schema.
    vega.pop("$schema", None)
    vega["description"] = alt
    # Vega formats the labels of axes itself.
    decimal = write_decimals(".")
    number = {"decimal": decimal, "thousands": "\u202f", "grouping": [3], "currency": ["", ""]}
    vega["config"] = {**vega.get("config", {}), "locale": {"number": number}}
    return vega


def render_svg(chart: Chart) -> str:
    """Return a chart as SVG, with its alternative text as title and its Vega spec as metadata.

    The same chart gives the same bytes. No text in it is markup, whatever it holds.

    Raises:
        ValueError: the spec is not Vega-Lite.
    """
    vega = _compile(chart.spec, chart.alt)
    kept_vega = vega if chart.page_spec is None else compile_chart(chart)
    # A label for each mark would double the file: the title says what is seen.
    quiet = {**vega, "config": {**vega.get("config", {}), "aria": False}}
    svg: str = vl_convert.vega_to_svg(quiet)
    kept = ET.Element("metadata")
    kept.text = json.dumps(kept_vega, ensure_ascii=False, separators=(",", ":"))
    title = ET.Element("title")
    title.text = chart.alt
    head = "".join(ET.tostring(element, encoding="unicode") for element in (title, kept))
    start = _FIRST_TAG.search(svg)
    if start is None:
        raise ValueError(f"not SVG: {svg[:80]}")
    # XML has no place for some characters, which a label may hold.
    return printable(f"{svg[: start.end()]}{head}{svg[start.end() :]}\n")


def save_in_all_languages(make: Callable[[], Chart], out_svg: Path, locales: Path) -> None:
    """Make a chart once per language and save each in its place, with a checksum."""
    for language in LANGUAGES:
        with use_language(language, locales):
            write_svg(get_figure_path(out_svg, language), render_svg(make()))
