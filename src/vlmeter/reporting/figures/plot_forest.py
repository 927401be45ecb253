"""Draws what each knob does: a forest plot of the differences from the reference settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.effects import COSTS, Effect, Outcome, list_effects
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.theme import (
    GREY,
    PAPER,
    list_notes,
    list_ticks,
    make_empty_chart,
    make_looks,
    make_lookup,
    make_spec,
    shorten,
)
from vlmeter.reporting.language import LOCALES, get_language, say
from vlmeter.results.numbers import format_interval, format_number, format_signed
from vlmeter.results.outline import ForestPlan
from vlmeter.results.tables import read_differences, read_summary

MOST_KNOBS = 24
"""Most knobs that are drawn: of more, those with the greatest effect on the time."""
_PANEL_PX = 150
_ROW_PX = 24


@dataclass(frozen=True)
class ForestWords:
    """What a forest plot is about, in the current language."""

    title: str
    note: str
    nothing: str
    """What stands in its place where nothing has an effect to show."""


def make_forest_chart(
    effects: Sequence[Effect], labels: Mapping[str, str], words: ForestWords, *, columns: int = 3
) -> Chart:
    """Return a row per knob, and a panel per outcome: what crosses the line has no sure effect.

    Args:
        effects: What the knobs do; of very many, those with the greatest effect are drawn.
        labels: Label of every data set of the study, in the study's order.
        words: What the figure is about.
        columns: Panels beside each other; a phone has room for one.
    """
    drawn = select_strongest(effects)
    if not drawn:
        return make_empty_chart(words.nothing, [])
    knobs = list(dict.fromkeys(effect.knob for effect in drawn))
    shown = [name for name in labels if any(effect.dataset == name for effect in drawn)]
    outcomes = [name for name in get_args(Outcome) if any(e.outcome == name for e in drawn)]
    panels = [
        _make_panel(
            [effect for effect in drawn if effect.outcome == outcome],
            knobs,
            shown,
            {**make_looks(labels, shown)},
            is_labelled=place % columns == 0,
        )
        for place, outcome in enumerate(outcomes)
    ]
    notes = [words.note]
    count = len({effect.knob for effect in effects})
    if count > len(knobs):
        notes.append(say("forest.left_out", count=count, shown=len(knobs)))
    return Chart(
        make_spec(
            words.title,
            list_notes(notes, disturbed=any(effect.disturbed for effect in drawn)),
            {"columns": columns, "concat": panels, "spacing": 12},
        ),
        " ".join([f"{words.title}.", *(_describe_extremes(drawn, name) for name in outcomes)]),
    )


def _make_panel(
    effects: Sequence[Effect],
    knobs: Sequence[str],
    shown: Sequence[str],
    looks: Spec,
    *,
    is_labelled: bool,
) -> Spec:
    outcome = effects[0].outcome
    is_cost = outcome in COSTS
    height = _ROW_PX * len(knobs)
    words = {str(place): shorten(knob, 34) for place, knob in enumerate(knobs)}
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": {"domain": [len(knobs) - 0.5, -0.5], "zero": False, "nice": False},
        "axis": {
            **{"values": list(range(len(knobs))), "title": None, "grid": True, "ticks": False},
            **{"labels": is_labelled, "labelLimit": 240, "domain": False},
            "labelExpr": make_lookup(words, "datum.value"),
        },
    }
    neutral = 1.0 if is_cost else 0.0
    scale = _make_scale(effects, is_cost=is_cost)
    ticks = (
        list_ticks(*scale["domain"], most=4)
        if is_cost
        else [0.8 * scale["domain"][0], 0, 0.8 * scale["domain"][1]]
    )
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": scale,
        "axis": {
            "title": say(f"forest.{outcome}"),
            **({"labelExpr": "datum.label + '×'"} if is_cost else {"format": "+.2~f"}),
            "values": ticks,
        },
    }
    at = {"x": x, "y": y}
    mark = {"type": "point", "filled": True, "opacity": 1}
    ends = {"x": {**x, "field": "low"}, "x2": {"field": "high"}}
    return {
        "width": _PANEL_PX,
        "height": height,
        "data": {"values": [_describe(effect, knobs, shown) for effect in effects]},
        "layer": [
            {
                "data": {"values": [{"x": neutral}]},
                "mark": {"type": "rule", "color": GREY, "strokeDash": [4, 3]},
                "encoding": {"x": x},
            },
            {"mark": "rule", "encoding": {**ends, "y": y, "color": looks["color"]}},
            {
                "mark": {**mark, "size": 60, "cursor": "pointer"},
                "encoding": {**at, **looks, "tooltip": {"field": "words"}},
            },
            {
                "transform": [{"filter": "datum.disturbed"}],
                "mark": {**mark, "size": 14, "color": PAPER, "tooltip": None},
                "encoding": at,
            },
        ],
    }


def _make_scale(effects: Sequence[Effect], *, is_cost: bool) -> Spec:
    """Return a scale with room around its values, and around the place of no effect."""
    ends = [end for effect in effects for end in _list_ends(effect)]
    if is_cost:
        domain = [min(0.5, *ends) / 1.1, max(2.0, *ends) * 1.1]
        return {"type": "log", "nice": False, "domain": domain}
    reach = 1.1 * max(0.05, *map(abs, ends))
    return {"nice": False, "domain": [-reach, reach]}


def _list_ends(effect: Effect) -> tuple[float, float]:
    """Return the ends of an interval; both are the value where there is none."""
    low = effect.value if effect.low is None else effect.low
    return low, effect.value if effect.high is None else effect.high


def _describe(effect: Effect, knobs: Sequence[str], shown: Sequence[str]) -> Spec:
    shift = (shown.index(effect.dataset) - (len(shown) - 1) / 2) * 0.6 / max(len(shown), 1)
    low, high = _list_ends(effect)
    return {
        "cell": effect.cell,
        "dataset": effect.dataset,
        "x": effect.value,
        "y": round(knobs.index(effect.knob) + shift, 3),
        "low": low,
        "high": high,
        "disturbed": effect.disturbed,
        "words": {"title": effect.knob, say(f"forest.{effect.outcome}"): _format(effect)},
    }


def _format(effect: Effect) -> str:
    """Return an effect with its interval, e.g. `0.48× [0.45, 0.51]`."""
    value = (
        f"{format_number(effect.value)}×"
        if effect.outcome in COSTS
        else format_signed(effect.value)
    )
    return f"{value} {format_interval(effect.low, effect.high, format_number)}".rstrip()


def select_strongest(effects: Sequence[Effect]) -> list[Effect]:
    """Return the effects of at most `MOST_KNOBS` knobs in their order."""
    reach: dict[str, float] = {}
    for effect in effects:
        strength = abs(effect.value - 1.0) if effect.outcome == "time" else 0.0
        reach[effect.knob] = max(reach.get(effect.knob, 0.0), strength)
    kept = sorted(reach, key=lambda knob: -reach[knob])[:MOST_KNOBS]
    return [effect for effect in effects if effect.knob in kept]


def _describe_extremes(effects: Iterable[Effect], outcome: Outcome) -> str:
    """Return a sentence on the least and the greatest effect on an outcome."""
    own = sorted(
        (effect for effect in effects if effect.outcome == outcome),
        key=lambda effect: effect.value,
    )
    return say(
        "figure.alt_range",
        measure=say(f"forest.{outcome}"),
        low=_format(own[0]),
        lowest=own[0].knob,
        high=_format(own[-1]),
        highest=own[-1].knob,
    )


def plot_forest(
    plan: ForestPlan,
    summary_csv: Path,
    differences_csv: Path,
    out_svg: Path,
    locales: Path = LOCALES,
) -> None:
    """Draw what each knob does to time, energy and quality in every language.

    Args:
        plan: The study's references and labels.
        summary_csv: The table of all cells.
        differences_csv: The table of their differences.
        out_svg: Output, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: a table is missing or damaged.
    """
    rows = list(read_summary(summary_csv).values())
    differences = read_differences(differences_csv)

    def make() -> Chart:
        labels = plan.labels[get_language()].datasets
        words = ForestWords(*(say(f"forest.{name}") for name in ("title", "note", "nothing")))
        return make_forest_chart(list_effects(rows, differences, plan), labels, words)

    save_in_all_languages(make, out_svg, locales)
