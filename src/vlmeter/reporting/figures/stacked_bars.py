"""A panel with a bar per setting, whose stacked parts say where its time goes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.theme import (
    GREY,
    PANEL_PX,
    make_lookup,
    make_part_colours,
    shorten,
)
from vlmeter.reporting.language import say
from vlmeter.results.numbers import format_number, format_percent

_BAR_PX, _MARGIN_PX = 17, 6


@dataclass(frozen=True)
class Bar:
    """A setting's time, part by part."""

    label: str
    parts_ms: Mapping[str, float]
    """Time per sample of each part that it has, by the part's name."""
    missing: str = ""
    """What stands in the place of the bar where there are no times."""


def make_stacked_bars(title: str, bars: Sequence[Bar], parts: Mapping[str, str]) -> Spec:
    """Return the panel: settings from top to bottom, of each its parts from left to right.

    Args:
        title: Of the panel.
        bars: The settings.
        parts: Label of each part by its name, in the order of stacking.
    """
    labels = {str(place): shorten(bar.label, 34) for place, bar in enumerate(bars)}
    y: Spec = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [max(len(bars), 1) - 0.5, -0.5], "nice": False, "zero": False},
        "axis": {
            "values": list(range(len(bars))),
            "labelExpr": make_lookup(labels, "datum.value"),
            "labelOverlap": False,
            "labelLimit": 180,
            "title": None,
        },
    }
    axis = {"title": say("layer_figure.per_sample"), "tickCount": 5, "grid": True}
    empty = [{"y": place, "words": bar.missing} for place, bar in enumerate(bars) if bar.missing]
    mark = {"type": "bar", "orient": "horizontal", "size": 0.65 * _BAR_PX}
    return {
        "width": PANEL_PX[0],
        "height": _BAR_PX * max(len(bars), 1) + _MARGIN_PX,
        "title": {"text": shorten(title, 40), "fontSize": 12},
        "layer": [
            {
                "data": {"values": list(_list_parts(bars, parts))},
                "mark": {**mark, "stroke": "white", "strokeWidth": 0.6},
                "encoding": {
                    "y": y,
                    "x": {"field": "left", "type": "quantitative", "axis": axis},
                    "x2": {"field": "right"},
                    "color": make_part_colours(parts),
                    "tooltip": {"field": "words"},
                },
            },
            {
                "data": {"values": empty},
                "mark": {"type": "text", "align": "left", "color": GREY},
                "encoding": {"y": y, "x": {"value": 6}, "text": {"field": "words"}},
            },
        ],
    }


def _list_parts(bars: Sequence[Bar], parts: Mapping[str, str]) -> Iterator[Spec]:
    for place, bar in enumerate(bars):
        whole_ms, left = sum(bar.parts_ms.values()) or 1.0, 0.0
        for part, label in parts.items():
            if part in bar.parts_ms:
                part_ms = bar.parts_ms[part]
                yield {
                    **{"y": place, "part": part, "left": left, "right": left + part_ms},
                    "words": {
                        "title": f"{bar.label} · {label}",
                        say("layer_figure.per_sample"): format_number(part_ms),
                        say("layer_figure.share"): format_percent(part_ms / whole_ms),
                    },
                }
                left += part_ms
