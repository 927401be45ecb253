"""Draws what a cost buys: each setting as a point, latency against samples per second at first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.front import HEADROOM, MARGINS, place_all
from vlmeter.reporting.figures.labels import list_label_layers
from vlmeter.reporting.figures.settings import Setting, list_choices, list_settings, name_group
from vlmeter.reporting.figures.theme import (
    GREY,
    PANEL_PX,
    PAPER,
    TICK_WORDS,
    describe_status,
    list_notes,
    make_empty_chart,
    make_looks,
    make_lookup,
    make_spec,
    shorten,
)
from vlmeter.reporting.figures.values import MEASURES, Interval, format_measured
from vlmeter.reporting.language import LOCALES, say, translate
from vlmeter.reporting.settings import format_group_title
from vlmeter.results.numbers import Scale
from vlmeter.results.outline import TradeoffPlan
from vlmeter.results.tables import read_summary

MOST_GROUPS = 12
"""Most data sets and models that are drawn beside each other."""
MOST_POINTS = 300
"""Most settings of a group that are drawn: of more, the fastest."""
_HEIGHT_PX = 740
_FRAME_PX = 90
"""Height of a panel's title and axis."""
_ACROSS, _UPWARDS, _GROUP = "across", "upwards", "group"


def make_tradeoff_chart(
    settings: Sequence[Setting],
    groups: Mapping[str, str],
    labels: Mapping[str, str],
) -> Chart:
    """Return a panel per group, with the Pareto front of the two axes joined by a line.

    A cost stands across, on a logarithmic axis, and what it buys upwards. A page has one panel for
    all, whose parameters, signals of the view, are the reader's choice: `group`, and the measures
    `across` and `upwards`. Its `usermeta` has the words for each choice.

    Args:
        settings: The points; of a group with very many, the fastest are drawn.
        groups: Title of each group, in the order of the panels.
        labels: Label of every data set of the study, in the study's order.
    """
    across, upwards = list_choices(settings)
    if not across or not upwards:
        return make_empty_chart(say("figure.nothing"), [])
    shown = [group for group in groups if any(setting.group == group for setting in settings)]
    drawn = {group: _select_fastest(settings, group) for group in shown[:MOST_GROUPS]}
    every = [setting for own in drawn.values() for setting in own]
    scales = {name: _choose_scale(every, name) for name in (*across, *upwards)}
    columns = 2 if len(drawn) <= 4 else 3
    frame = _Frame(
        words={name: say(f"measure.{name}", unit=scales[name].unit) for name in scales},
        quality={setting.group: _name_quality(setting) for setting in every},
        titles={group: shorten(groups[group], 44) for group in drawn},
        looks=make_looks(labels, list(dict.fromkeys(setting.dataset for setting in every))),
        height=min(PANEL_PX[1], _HEIGHT_PX // -(-len(drawn) // columns) - _FRAME_PX),
    )
    params = {_ACROSS: across[0], _UPWARDS: upwards[0]}
    grid = {
        **_make_data(drawn, scales, frame, params),
        "columns": columns,
        "concat": [_make_panel(frame, group) for group in drawn],
    }
    notes = [say("tradeoff.note")]
    if len(every) < len(settings):
        notes.append(say("tradeoff.left_out", count=len(settings), shown=len(every)))
    note = list_notes(notes, disturbed=any(setting.disturbed for setting in every))
    title = say("tradeoff.title")
    return Chart(
        make_spec(title, note, grid),
        " ".join([f"{title}.", *(_describe_ends(own, frame, scales) for own in drawn.values())]),
        _make_page_spec(drawn, scales, replace(frame, height=PANEL_PX[1]), params),
    )


def _make_page_spec(
    drawn: Mapping[str, Sequence[Setting]],
    scales: Mapping[str, Scale],
    frame: "_Frame",
    params: Mapping[str, str],
) -> dict[str, Any]:
    """Return one panel for all groups, with the words for each choice of its parameters."""
    across, upwards = list_choices(setting for own in drawn.values() for setting in own)
    choices = {
        _ACROSS: {name: frame.words[name] for name in across},
        _UPWARDS: {name: frame.words[name] for name in upwards},
        _GROUP: dict(frame.titles),
    }
    data = _make_data(drawn, scales, frame, {**params, _GROUP: next(iter(drawn))})
    return make_spec("", [], {**data, **_make_panel(frame, ""), "usermeta": choices})


def _make_data(
    drawn: Mapping[str, Sequence[Setting]],
    scales: Mapping[str, Scale],
    frame: "_Frame",
    params: Mapping[str, str],
) -> dict[str, Any]:
    """Return the data and the parameters of a spec."""
    values = [
        {**_describe(setting, scales, frame.words), "notes": note}
        for own in drawn.values()
        for setting, note in zip(own, place_all(own, (PANEL_PX[0], frame.height)), strict=True)
    ]
    return {
        "params": [{"name": name, "value": value} for name, value in params.items()],
        "data": {"values": values},
    }


@dataclass(frozen=True)
class _Frame:
    """What all panels share."""

    words: Mapping[str, str]
    """Title of an axis, by measure."""
    quality: Mapping[str, str]
    """Name of the metric, by group."""
    titles: Mapping[str, str]
    """By group."""
    looks: Mapping[str, Any]
    height: int


def _make_panel(frame: _Frame, group: str) -> dict[str, Any]:
    """Return a panel; without a group, that of the parameter."""
    chosen = make_lookup({"": group}, "''") if group else _GROUP
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
    layers = [
        _make_extent(x, y),
        {
            "transform": front,
            "mark": {"type": "line", "interpolate": "step-after", "opacity": 0.4, "size": 1},
            "encoding": {**at, **colour},
        },
        *(
            {
                "transform": front,
                "mark": "rule",
                "encoding": {**at, **ends, **colour},
            }
            for ends in (
                {"x": {**x, "field": "x_low"}, "x2": {"field": "x_high"}},
                {"y": {**y, "field": "y_low"}, "y2": {"field": "y_high"}},
            )
        ),
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


def _make_extent(x: Mapping[str, Any], y: Mapping[str, Any]) -> dict[str, Any]:
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


def _list_transforms(chosen: str) -> list[dict[str, Any]]:
    """Return how the points of a panel follow from the chosen measures."""
    ends = [
        {"calculate": f"datum.values[{axis}][{place}]", "as": f"{letter}{end}"}
        for axis, letter in ((_ACROSS, "x"), (_UPWARDS, "y"))
        for place, end in enumerate(("", "_low", "_high"))
    ]
    return [
        {"filter": f"datum.group === {chosen}"},
        {"filter": f"isValid(datum.values[{_ACROSS}]) && isValid(datum.values[{_UPWARDS}])"},
        *ends,
        {"calculate": f"datum.notes[{_ACROSS} + '/' + {_UPWARDS}] || []", "as": "note"},
        *(
            {"calculate": f"datum.note[{place}]", "as": name}
            for place, name in enumerate(("on_front", "dx", "dy"))
        ),
    ]


def _list_titles(frame: _Frame, chosen: str) -> list[dict[str, Any]]:
    """Return the axes' titles as texts, which follow the parameters as titles of axes cannot."""
    upwards = (
        f"'\u2191 ' + ({_UPWARDS} === 'quality' ? {make_lookup(frame.quality, chosen)}"
        f" : {make_lookup(frame.words, _UPWARDS)})"
    )
    across = f"{make_lookup(frame.words, _ACROSS)} + ' \u2192'"
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


def _select_fastest(settings: Sequence[Setting], group: str) -> list[Setting]:
    """Return the settings of a group in their order; of very many, those with the highest rate."""
    own = [setting for setting in settings if setting.group == group]
    if len(own) <= MOST_POINTS:
        return own
    rates = sorted((_get_rate(setting) for setting in own), reverse=True)
    return [setting for setting in own if _get_rate(setting) >= rates[MOST_POINTS - 1]]


def _get_rate(setting: Setting) -> float:
    rate = setting.values.get("generation_rate") or setting.values.get("forward_rate")
    return rate.value if rate else 0.0


def _choose_scale(settings: Iterable[Setting], name: str) -> Scale:
    values = [setting.values[name].value for setting in settings if name in setting.values]
    return Scale.of(values, MEASURES[name].unit) if MEASURES[name].unit else Scale("", 1.0)


def _name_quality(setting: Setting) -> str:
    key = "figure.higher" if setting.higher_is_better else "figure.lower"
    return say(key, metric=shorten(translate(setting.quality_label), 26))


def _describe(
    setting: Setting, scales: Mapping[str, Scale], words: Mapping[str, str]
) -> dict[str, Any]:
    """Return a point as the spec holds it, with its values in the units of the axes."""
    values = {
        name: [float(f"{end / scales[name].factor:.5g}") for end in interval]
        for name, interval in setting.values.items()
    }
    tooltip = {
        _name_quality(setting) if name == "quality" else words[name]: format_measured(
            Interval(*ends)
        )
        for name, ends in values.items()
    }
    return {
        "group": setting.group,
        "dataset": setting.dataset,
        "cell": setting.cell,
        "label": shorten(setting.label, 40),
        "disturbed": setting.disturbed,
        "values": values,
        "words": {"title": setting.label, **tooltip},
    }


def _describe_ends(settings: Sequence[Setting], frame: _Frame, scales: Mapping[str, Scale]) -> str:
    """Return a sentence on the cheapest setting of a group and the one with the highest rate."""
    group = frame.titles[settings[0].group]
    across, upwards = list_choices(settings)
    if not across or not upwards:
        return say("figure.alt_nothing", measure=group)
    pair = (across[0], upwards[0])
    own = [setting for setting in settings if {*pair} <= setting.values.keys()]
    if not own:
        return say("figure.alt_nothing", measure=group)
    ends = (
        min(own, key=lambda setting: setting.values[pair[0]].value),
        max(own, key=lambda setting: setting.values[pair[1]].value),
    )
    texts = [
        f"{end.label} ("
        + ", ".join(
            f"{frame.words[name]} {scales[name].format(end.values[name].value)}" for name in pair
        )
        + ")"
        for end in ends
    ]
    return say("tradeoff.alt", group=group, count=len(own), cheapest=texts[0], fastest=texts[1])


def plot_tradeoff(
    plan: TradeoffPlan, summary_csv: Path, out_svg: Path, locales: Path = LOCALES
) -> None:
    """Draw latency against samples per second in every language, for each data set and model.

    Args:
        plan: The study's base and labels.
        summary_csv: The table of all cells.
        out_svg: Output, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: the table is missing or damaged.
    """
    rows = list(read_summary(summary_csv).values())
    groups = {
        name_group(row.dataset, row.model): format_group_title(plan.labels, row.dataset, row.model)
        for row in rows
    }

    def make() -> Chart:
        settings = list_settings(rows, plan)
        if settings:
            return make_tradeoff_chart(settings, groups, plan.labels.datasets)
        return make_empty_chart(say("figure.nothing"), [describe_status(row) for row in rows])

    save_in_all_languages(make, out_svg, locales)
