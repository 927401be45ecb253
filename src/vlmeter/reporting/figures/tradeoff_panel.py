"""A panel with settings as points, whose axes follow the parameters of the spec."""

from collections.abc import Mapping
from dataclasses import dataclass

from vlmeter.reporting.figures.front import HEADROOM, MARGINS
from vlmeter.reporting.figures.labels import list_label_layers
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.theme import GREY, PANEL_PX, PAPER, TICK_WORDS, make_lookup

ACROSS, UPWARDS, GROUP = "across", "upwards", "group"
"""The parameters: the measures of the axes, and the group that is shown."""


@dataclass(frozen=True)
class Frame:
    """What all panels share."""

    words: Mapping[str, str]
    """Title of an axis, by measure."""
    quality: Mapping[str, str]
    """Name of the metric, by group."""
    titles: Mapping[str, str]
    """By group."""
    looks: Spec
    height: int


def make_panel(frame: Frame, group: str) -> Spec:
    """Return a panel; without a group, that of the parameter."""
    chosen = make_lookup({"": group}, "''") if group else GROUP
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"type": "log", "nice": False},
        "axis": {"title": None, "tickCount": 10, "labelExpr": TICK_WORDS},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"zero": True, "nice": False},
        "axis": {"title": None, "tickCount": 5},
    }
    colour = {"color": {**frame.looks["color"], "legend": None}}
    shape = {"shape": {**frame.looks["shape"], "legend": None}}
    at = {"x": x, "y": y}
    faint = {"opacity": {"condition": {"test": "datum.on_front", "value": 1}, "value": 0.35}}
    mark = {"type": "point", "filled": True, "opacity": 1}
    front = [{"filter": "datum.on_front"}]
    ends = [
        {"x": {**x, "field": "x_low"}, "x2": {"field": "x_high"}},
        {"y": {**y, "field": "y_low"}, "y2": {"field": "y_high"}},
    ]
    intervals: list[Spec] = [
        {"transform": front, "mark": "rule", "encoding": {**at, **each, **colour}} for each in ends
    ]
    layers: list[Spec] = [
        _make_extent(x, y),
        {
            "transform": front,
            "mark": {"type": "line", "interpolate": "step-after", "opacity": 0.4, "size": 1},
            "encoding": {**at, **colour},
        },
        *intervals,
        {
            "mark": {**mark, "size": 70, "cursor": "pointer"},
            "encoding": {**at, **colour, **shape, **faint, "tooltip": {"field": "words"}},
        },
        {
            "transform": [{"filter": "datum.disturbed"}],
            "mark": {**mark, "size": 16, "color": PAPER, "tooltip": None},
            "encoding": at,
        },
        *list_label_layers(x, y, GREY),
        *_list_titles(frame, chosen),
    ]
    return {
        "width": PANEL_PX[0],
        "height": frame.height,
        "title": {
            "text": {"expr": make_lookup(frame.titles, chosen)},
            "fontSize": 12,
            "dy": -14,
        },
        "transform": _list_transforms(chosen),
        "layer": layers,
    }


def _make_extent(x: Spec, y: Spec) -> Spec:
    """Return a layer without anything to see, which decides where the axes begin and end."""
    ends = {"x_from": ("min", "x_low"), "x_to": ("max", "x_high"), "y_to": ("max", "y_high")}
    factors = dict(zip(ends, (*MARGINS, HEADROOM), strict=True))
    return {
        "transform": [
            {"aggregate": [{"op": op, "field": of, "as": name} for name, (op, of) in ends.items()]},
            *(
                {"calculate": f"{factor} * datum.{name}", "as": name}
                for name, factor in factors.items()
            ),
        ],
        "mark": {"type": "rule", "opacity": 0},
        "encoding": {
            "x": {**x, "field": "x_from"},
            "x2": {"field": "x_to"},
            "y": {**y, "field": "y_to"},
        },
    }


def _list_transforms(chosen: str) -> list[Spec]:
    """Return how the points of a panel follow from the chosen measures."""
    ends = [
        {"calculate": f"datum.values[{axis}][{place}]", "as": f"{letter}{end}"}
        for axis, letter in ((ACROSS, "x"), (UPWARDS, "y"))
        for place, end in enumerate(("", "_low", "_high"))
    ]
    return [
        {"filter": f"datum.group === {chosen}"},
        {"filter": f"isValid(datum.values[{ACROSS}]) && isValid(datum.values[{UPWARDS}])"},
        *ends,
        {"calculate": f"datum.notes[{ACROSS} + '/' + {UPWARDS}] || []", "as": "note"},
        *(
            {"calculate": f"datum.note[{place}]", "as": name}
            for place, name in enumerate(("on_front", "dx", "dy"))
        ),
    ]


def _list_titles(frame: Frame, chosen: str) -> list[Spec]:
    """Return the axes' titles as texts, which follow the parameters as titles of axes cannot."""
    upwards = (
        f"'\u2191 ' + ({UPWARDS} === 'quality' ? {make_lookup(frame.quality, chosen)}"
        f" : {make_lookup(frame.words, UPWARDS)})"
    )
    across = f"{make_lookup(frame.words, ACROSS)} + ' \u2192'"
    place = {
        "upwards": {"x": -30, "y": -10, "align": "left", "text": {"expr": upwards}},
        "across": {
            **{"x": PANEL_PX[0], "y": frame.height + 30, "align": "right"},
            "text": {"expr": across},
        },
    }
    return [
        {
            "data": {"values": [{}]},
            "mark": {"type": "text", "fontSize": 11, "limit": PANEL_PX[0] + 40, **mark},
        }
        for mark in place.values()
    ]
