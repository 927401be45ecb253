"""What all charts share: colours, shapes, sizes, fonts, axes and words for what is missing."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vlmeter.escaping import one_line
from vlmeter.reporting.figures.chart import Chart
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import say, translate
from vlmeter.results.summary_row import SummaryRow

INK, GREY, GRID, PAPER = "#1f2933", "#5b6470", "#e3e7ec", "#ffffff"
"""Text, lesser text, lines and ground; the page gives each another colour in the dark."""
PANEL_PX = (290, 200)
"""Width and height of a panel: one fits a phone, two stand side by side."""
FLAT_PLACES = 6
"""Most headings that are written horizontally below an axis."""
_LOG_FROM_RATIO = 15.0
"""Largest ratio of two values on a linear axis."""
_FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
_CONFIG: Spec = {
    "font": _FONT,
    "background": PAPER,
    "view": {"stroke": None},
    "axis": {
        "domainColor": GREY,
        "gridColor": GRID,
        "labelColor": INK,
        "labelFontSize": 11,
        "labelLimit": 140,
        "tickColor": GREY,
        "titleColor": INK,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titleLimit": 280,
    },
    "axisX": {"grid": False},
    "legend": {
        "labelColor": INK,
        "labelFontSize": 11,
        "labelLimit": 180,
        "orient": "top",
        "title": None,
        "symbolStrokeWidth": 0,
    },
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 13,
        "subtitleColor": GREY,
        "subtitleFontSize": 11,
        "limit": 720,
    },
    "text": {"color": INK, "fontSize": 10},
}
# The palette of Okabe and Ito, which is safe for every common form of colour blindness, without
# its yellow, which is faint on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")


_PARTS: Mapping[str, str] = {
    "linear": "#0072b2",
    "attention": "#e69f00",
    "convolution": "#d55e00",
    "normalisation": "#009e73",
    "activation": "#cc79a7",
    "embedding": "#56b4e9",
    "vision": "#44aa99",
    "qformer": "#ddcc77",
    "connector": "#ddcc77",
    "prefill": "#332288",
    "decode_image": "#882255",
    "resize": "#aa4499",
    "processor": "#cc6677",
    "tokenize": "#e69f00",
    "transfer": "#56b4e9",
    "decode": "#0072b2",
    "detokenize": "#999933",
    "other": "#bbbbbb",
}
"""Colour of each kind of layer, each stage and each part of a request; of any other, black."""


class Look(NamedTuple):
    """How the points of a data set are drawn."""

    colour: str
    shape: str


def choose_look(name: str, names: Sequence[str]) -> Look:
    """Return the look of the data set `name` among all of a study."""
    place = names.index(name)
    return Look(COLOURS[place % len(COLOURS)], SHAPES[place % len(SHAPES)])


def make_spec(title: str, notes: Sequence[str], content: Spec) -> Spec:
    """Return a whole spec: its content below a title and lines of notes, in one style."""
    return {
        "title": {"text": shorten(title, 90), "subtitle": [shorten(note, 110) for note in notes]},
        "config": _CONFIG,
        **content,
    }


def make_looks(labels: Mapping[str, str], shown: Sequence[str]) -> Spec:
    """Return the encoding of the field `dataset` by colour and shape, with a legend for several.

    Args:
        labels: Label of every data set of the study, in the study's order.
        shown: Names of the data sets of this chart.
    """
    looks = [choose_look(name, list(labels)) for name in shown]
    words = {name: shorten(labels[name], 30) for name in shown}
    legend = {"labelExpr": make_lookup(words, "datum.label")} if len(shown) > 1 else None
    return {
        channel: {
            "field": "dataset",
            "type": "nominal",
            "scale": {"domain": list(shown), "range": [getattr(look, part) for look in looks]},
            "legend": legend,
        }
        for channel, part in (("color", "colour"), ("shape", "shape"))
    }


def make_part_colours(labels: Mapping[str, str]) -> Spec:
    """Return the encoding of the field `part`, whose values have these labels, by colour."""
    words = {part: shorten(label, 24) or "?" for part, label in labels.items()}
    parts = list(labels)
    return {
        "field": "part",
        "type": "nominal",
        "scale": {"domain": parts, "range": [_PARTS.get(part, "#000000") for part in parts]},
        "legend": {"columns": 4, "labelExpr": make_lookup(words, "datum.label"), "labelLimit": 130},
    }


def make_lookup(words: Mapping[str, str], key: str) -> str:
    """Return a Vega expression for the text at a key."""
    return f"({json.dumps(words, ensure_ascii=False)})[{key}]"


def make_positions(headings: Sequence[str], label: str) -> Spec:
    """Return an axis with a place of its own for each heading, of one or more lines: 0, 1, ..."""
    longest = max((len(line) for heading in headings for line in heading.split("\n")), default=0)
    upright = len(headings) > FLAT_PLACES or longest > 12
    words = {str(place): heading for place, heading in enumerate(headings)}
    axis: Spec = {
        "values": list(range(len(headings))),
        "labelExpr": f"split({make_lookup(words, 'datum.value')}, '\\n')",
        "labelOverlap": False,
        "title": shorten(label, 60),
    }
    if upright:
        axis |= {"labelAngle": -90, "labelAlign": "right", "labelBaseline": "middle"}
    return {
        "type": "quantitative",
        "scale": {"domain": [-0.5, max(len(headings), 1) - 0.5], "nice": False, "zero": False},
        "axis": axis,
    }


_LEADING = "datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9))"
TICK_WORDS = (
    f"indexof([1, 2, 5], round(100 * {_LEADING}) / 100) < 0 ? '' : format(datum.value, '.6~g')"
)
"""The labels of a logarithmic axis: plain numbers at 1, 2 and 5 of each decade."""


def make_amounts(values: Sequence[float], title: str) -> Spec:
    """Return an axis that starts at zero, or a logarithmic one where values span a wide range."""
    wide = bool(values) and min(values) > 0 and max(values) / min(values) > _LOG_FROM_RATIO
    if not wide:
        scale: Spec = {"zero": True}
        ticks: Spec = {"tickCount": 5}
    else:
        ends = [min(values) / 1.5, max(values) * 1.5]
        scale = {"type": "log", "nice": False, "domain": ends, "clamp": True}
        ticks = {"values": list_ticks(*ends), "format": "~g"}
    return {"type": "quantitative", "scale": scale, "axis": {"title": title, **ticks}}


def list_point_layers(
    x: Spec,
    y: Spec,
    looks: Spec,
    *,
    is_joined: bool,
) -> list[Spec]:
    """Return the layers of points with their intervals; what was disturbed has a hollow point.

    Each point of their data has `dataset`, `y`, `low`, `high`, `disturbed` and `words`, its
    tooltip.

    Args:
        x: The encoding of the horizontal axis.
        y: That of the vertical one.
        looks: What `make_looks` returned.
        is_joined: Whether a line joins the points of a data set.
    """
    place = {"x": x, "y": y}
    colour = {"color": looks["color"]}
    ends = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers: list[Spec] = [{"mark": "rule", "encoding": {"x": x, **ends, **colour}}]
    if is_joined:
        layers.append({"mark": "line", "encoding": {**place, **colour}})
    tooltip = {"tooltip": {"field": "words"}}
    point = {"type": "point", "filled": True, "size": 70, "opacity": 1}
    layers.append({"mark": point, "encoding": {**place, **looks, **tooltip}})
    hollow = {"type": "point", "filled": True, "size": 16, "color": PAPER, "opacity": 1}
    layers.append(
        {
            "transform": [{"filter": "datum.disturbed"}],
            "mark": {**hollow, "tooltip": None},
            "encoding": place,
        }
    )
    return layers


def list_notes(notes: Sequence[str], *, disturbed: bool) -> list[str]:
    """Return the notes below a title, with what a hollow point means where there is one."""
    return [*notes, *([say("figure.hollow")] if disturbed else [])]


def list_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return 1, 2 and 5 of each decade between the ends of a logarithmic axis.

    Of more than `most`, only the powers of ten, or where there is one power alone some around it.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{step}e{decade}") for decade in decades for step in (1, 2, 5)]
    inside = [tick for tick in ticks if low <= tick <= high]
    if len(inside) <= most:
        return inside
    powers = [tick for tick in inside if math.log10(tick).is_integer()]
    if len(powers) > 1:
        return powers
    # A single number is no scale: evenly spaced ones from that one on, and before it.
    apart = math.ceil(len(inside) / most)
    place = inside.index(powers[0]) if powers else 0
    return inside[place % apart :: apart]


def make_empty_chart(title: str, reasons: Sequence[str]) -> Chart:
    """Return a chart that says what is missing, with up to three reasons."""
    lines = [shorten(reason, 110) for reason in dict.fromkeys(reasons)][:3]
    content = {
        "width": 2 * PANEL_PX[0],
        "height": 20 + 16 * len(lines),
        "data": {"values": [{"words": lines or [""]}]},
        "mark": {"type": "text", "color": GREY, "fontSize": 11, "lineHeight": 16},
        "encoding": {"text": {"field": "words"}},
    }
    return Chart(make_spec(title, [], content), " ".join([title, *lines]))


def shorten(text: str, length: int) -> str:
    """Return a text as one line of at most `length` characters."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def describe_status(row: SummaryRow) -> str:
    """Return how a cell ended, with the reason where there is one."""
    status = get_status_label(row.status)
    return f"{status}: {translate(row.reason)}" if row.reason else status
