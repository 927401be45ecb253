"""Draws what a cost buys: each setting as a point, latency against samples per second at first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.front import place_all
from vlmeter.reporting.figures.points import select_points
from vlmeter.reporting.figures.settings import Setting, list_choices, list_settings, name_group
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.theme import (
    PANEL_PX,
    describe_status,
    list_notes,
    make_empty_chart,
    make_looks,
    make_spec,
    shorten,
)
from vlmeter.reporting.figures.tradeoff_panel import ACROSS, GROUP, UPWARDS, Frame, make_panel
from vlmeter.reporting.figures.values import MEASURES, Interval, format_measured
from vlmeter.reporting.language import LOCALES, get_language, say, translate
from vlmeter.reporting.settings import format_group_title
from vlmeter.results.numbers import Scale
from vlmeter.results.outline import SettingsPlan
from vlmeter.results.tables import read_summary

_HEIGHT_PX = 740
_FRAME_PX = 90
"""Height of a panel's title and axis."""


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
        settings: The points; of very many, those of `select_points` are drawn.
        groups: Title of each group, in the order of the panels.
        labels: Label of every data set of the study, in the study's order.
    """
    across, upwards = list_choices(settings)
    if not across or not upwards:
        return make_empty_chart(say("figure.nothing"), [])
    drawn = select_points(settings, groups)
    every = [setting for own in drawn.values() for setting in own]
    scales = {name: _choose_scale(every, name) for name in (*across, *upwards)}
    columns = 2 if len(drawn) <= 4 else 3
    frame = Frame(
        words={name: say(f"measure.{name}", unit=scales[name].unit) for name in scales},
        quality={setting.group: _name_quality(setting) for setting in every},
        titles={group: shorten(groups[group], 44) for group in drawn},
        looks=make_looks(labels, list(dict.fromkeys(setting.dataset for setting in every))),
        height=min(PANEL_PX[1], _HEIGHT_PX // -(-len(drawn) // columns) - _FRAME_PX),
    )
    params = {ACROSS: across[0], UPWARDS: upwards[0]}
    grid = {
        **_make_data(drawn, scales, frame, params),
        "columns": columns,
        "concat": [make_panel(frame, group) for group in drawn],
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
    frame: Frame,
    params: Mapping[str, str],
) -> Spec:
    """Return one panel for all groups, with the words for each choice of its parameters."""
    across, upwards = list_choices(setting for own in drawn.values() for setting in own)
    choices = {
        ACROSS: {name: frame.words[name] for name in across},
        UPWARDS: {name: frame.words[name] for name in upwards},
        GROUP: dict(frame.titles),
    }
    data = _make_data(drawn, scales, frame, {**params, GROUP: next(iter(drawn))})
    return make_spec("", [], {**data, **make_panel(frame, ""), "usermeta": choices})


def _make_data(
    drawn: Mapping[str, Sequence[Setting]],
    scales: Mapping[str, Scale],
    frame: Frame,
    params: Mapping[str, str],
) -> Spec:
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


def _choose_scale(settings: Iterable[Setting], name: str) -> Scale:
    values = [setting.values[name].value for setting in settings if name in setting.values]
    return Scale.of(values, MEASURES[name].unit) if MEASURES[name].unit else Scale("", 1.0)


def _name_quality(setting: Setting) -> str:
    key = "figure.higher" if setting.higher_is_better else "figure.lower"
    return say(key, metric=shorten(translate(setting.quality_label), 26))


def _describe(setting: Setting, scales: Mapping[str, Scale], words: Mapping[str, str]) -> Spec:
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


def _describe_ends(settings: Sequence[Setting], frame: Frame, scales: Mapping[str, Scale]) -> str:
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
    plan: SettingsPlan, summary_csv: Path, out_svg: Path, locales: Path = LOCALES
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

    def make() -> Chart:
        labels = plan.labels[get_language()]
        groups = {
            name_group(row.dataset, row.model): format_group_title(labels, row.dataset, row.model)
            for row in rows
        }
        settings = list_settings(rows, plan)
        if settings:
            return make_tradeoff_chart(settings, groups, labels.datasets)
        return make_empty_chart(say("figure.nothing"), [describe_status(row) for row in rows])

    save_in_all_languages(make, out_svg, locales)
