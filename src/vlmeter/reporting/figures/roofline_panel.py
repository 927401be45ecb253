"""A panel with the FLOP/s of each kind of layer over its arithmetic intensity, below the peak."""

import math
from collections.abc import Sequence

from vlmeter.reporting.figures.labels import list_label_layers, place_labels
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.theme import (
    GREY,
    PANEL_PX,
    SHAPES,
    list_ticks,
    make_part_colours,
)
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.layers.roofline import Work
from vlmeter.reporting.settings import format_axis_value
from vlmeter.results.numbers import format_number, format_quantity

_SIZE_PX = (PANEL_PX[0], 130)
_MARGIN = 1.5
"""What the ends of an axis are away from the outermost points, as a factor."""
_Range = tuple[float, float]


def make_roofline_panel(works: Sequence[Work], peak_flop_per_s: float | None) -> Spec:
    """Return the panel; numbers beside points are batch sizes.

    Args:
        works: The work of each kind of layer at each batch size.
        peak_flop_per_s: The device's peak in FLOP/s; None where it was not measured.
    """
    title = {"text": say("layer_figure.roofline"), "fontSize": 12}
    panel = {"width": _SIZE_PX[0], "height": _SIZE_PX[1], "title": title}
    if not works:
        return {**panel, **_make_note(say("figure.not_measured"))}
    rates = [work.flop_per_s / 1e9 for work in works]
    peak = None if peak_flop_per_s is None else peak_flop_per_s / 1e9
    across = _find_range([work.intensity for work in works])
    upwards = _find_range([*rates, *([] if peak is None else [peak])])
    kinds = list(dict.fromkeys(work.kind for work in works))
    x = _make_axis("x", across, say("layer_figure.intensity"))
    y = _make_axis("y", upwards, say("layer_figure.rate"))
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(kinds))]
    colours = make_part_colours({kind: translate(kind) for kind in kinds})
    looks = {
        "color": colours,
        "shape": {**colours, "scale": {"domain": kinds, "range": shapes}},
    }
    words = (
        say("layer_figure.no_peak")
        if peak_flop_per_s is None
        else say("layer_figure.peak", peak=format_quantity(peak_flop_per_s, "FLOP/s"))
    )
    at = {"x": x, "y": y}
    mark = {"type": "point", "filled": True, "size": 60, "opacity": 1}
    layers: list[Spec] = [
        {"mark": {"type": "line", "size": 1}, "encoding": {**at, "color": looks["color"]}},
        {"mark": mark, "encoding": {**at, **looks, "tooltip": {"field": "words"}}},
        *list_label_layers(x, y, GREY),
        {
            "data": {"values": [{"words": words}]},
            "mark": {"type": "text", "color": GREY, "x": 4, "y": 4, "align": "left"},
            "encoding": {"text": {"field": "words"}},
        },
    ]
    if peak is not None:
        rule = {"type": "rule", "color": GREY, "strokeDash": [5, 3]}
        layers.append({"data": {"values": [{"y": peak}]}, "mark": rule, "encoding": {"y": y}})
    values = _list_points(works, across, upwards)
    return {**panel, "data": {"values": values}, "layer": layers}


def _list_points(works: Sequence[Work], across: _Range, upwards: _Range) -> list[Spec]:
    width, height = _SIZE_PX
    places = [
        (
            width * _find_share(work.intensity, across),
            height * (1 - _find_share(work.flop_per_s / 1e9, upwards)),
        )
        for work in works
    ]
    by_kind: dict[str, list[int]] = {}
    for index, work in enumerate(works):
        by_kind.setdefault(work.kind, []).append(index)
    ends = dict.fromkeys(index for own in by_kind.values() for index in (own[0], own[-1]))
    spots = place_labels(places, {index: str(works[index].batch) for index in ends}, _SIZE_PX)
    points = []
    for index, work in enumerate(works):
        point: Spec = {
            "part": work.kind,
            "x": work.intensity,
            "y": work.flop_per_s / 1e9,
            "label": str(work.batch),
            "words": {
                "title": f"{translate(work.kind)} · {format_axis_value('batch_size', work.batch)}",
                say("layer_figure.rate"): format_number(work.flop_per_s / 1e9),
                say("layer_figure.intensity"): format_number(work.intensity),
            },
        }
        if index in spots:
            point |= spots[index]._asdict()
        points.append(point)
    return points


def _find_range(values: Sequence[float]) -> _Range:
    return min(values) / _MARGIN, max(values) * _MARGIN


def _find_share(value: float, ends: _Range) -> float:
    """Return where a value is between the ends of a logarithmic axis."""
    low, high = (math.log(end) for end in ends)
    return (math.log(value) - low) / (high - low)


def _make_axis(field: str, ends: _Range, title: str) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"type": "log", "nice": False, "domain": list(ends)},
        "axis": {"title": title, "values": list_ticks(*ends), "format": "~s"},
    }


def _make_note(words: str) -> Spec:
    return {
        "data": {"values": [{"words": words}]},
        "mark": {"type": "text", "color": GREY},
        "encoding": {"text": {"field": "words"}},
    }
