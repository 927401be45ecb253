"""Draws a section: latency on the left, word error rate on the right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from vlmeter.reporting.decision import Interval, get_latency, get_wer
from vlmeter.reporting.figures.style import (
    FLAT_PLACES,
    GREY,
    SIZE_INCHES,
    Look,
    choose_look,
    describe_status,
    draw_nothing_measured,
    save_in_all_languages,
    scale_values,
    set_places,
    shorten,
)
from vlmeter.reporting.formats import get_axis_label, get_status_label, get_value_label
from vlmeter.reporting.language import (
    LOCALES,
    say,
)
from vlmeter.reporting.sections.selection import describe_left_out, shorten_section
from vlmeter.results.outline import PlacedCell, SectionGrid, SectionPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Summary, read_summary
from vlmeter.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SECTION_COLUMNS = (
    *("status", "reason", "batch_size", "latency", "latency_low_s", "latency_high_s"),
    *("wer_value", "wer_low", "wer_high", "wer_note"),
)
"""The columns of the summary that a section's figure reads."""
_UPRIGHT_INCHES = 1.4
"""Height of vertical headings below the figure."""


def draw_section(plan: SectionPlan, summary: Summary) -> Figure:
    """Draw latency and word error rate of each value, a colour and a marker per data set.

    Args:
        plan: The section; of many settings, a selection is drawn, with a note.
        summary: The rows of `summary.csv`.
    """
    section, labels = shorten_section(plan.section, summary), plan.labels
    headings = list(dict.fromkeys(_format_heading(entry) for entry in section.cells))
    width, height = SIZE_INCHES
    upright = len(headings) > FLAT_PLACES
    figure = Figure(figsize=(width, height + upright * _UPRIGHT_INCHES), layout="constrained")
    left, right = figure.subplots(1, 2)
    places = {heading: place for place, heading in enumerate(headings)}
    ordered = len(section.varied) == 1 and all(
        isinstance(value, int) for values in section.varied.values() for value in values
    )
    names = list(labels)
    present = [name for name in names if any(entry.dataset == name for entry in section.cells)]
    for place, name in enumerate(present):
        shift = (place - (len(present) - 1) / 2) * 0.09
        entries = [entry for entry in section.cells if entry.dataset == name]
        rows = [summary.get(entry.key) for entry in entries]
        positions = [places[_format_heading(entry)] + shift for entry in entries]
        label = shorten(labels[name], 30)
        series = _Series(label, choose_look(name, names), ordered, positions)
        latencies = [None if row is None else get_latency(row) for row in rows]
        _draw_series(left, series, latencies, 1e3)
        _draw_series(right, series, [None if row is None else get_wer(row) for row in rows], 1.0)
    drawn = _list_rows(section, summary)
    reasons = [row.wer_note for row in drawn if row.status == Status.OK and row.wer_note]
    for axes, values, absence in (
        (left, [row.latency for row in drawn if row.latency is not None], []),
        (right, [row.wer_value for row in drawn if row.wer_value is not None], reasons),
    ):
        scale_values(axes, values)
        if not values:
            _mark_nothing_measured(axes, absence)
        set_places(axes, headings, " · ".join(get_axis_label(axis) for axis in section.varied))
        _mark_missing(axes, headings, section, summary, labels)
    words = describe_left_out(plan.section, section)
    if words is not None:
        figure.supxlabel(words, fontsize=9, color=GREY)
    left.set_ylabel(say("figure.latency"))
    right.set_ylabel(say("figure.wer"))
    if len(present) > 1:
        handles, texts = left.get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside upper left", ncols=len(present))
    return figure


def _list_rows(section: SectionGrid, summary: Summary) -> list[SummaryRow]:
    return [summary[entry.key] for entry in section.cells if entry.key in summary]


def _format_heading(entry: PlacedCell) -> str:
    return shorten(" · ".join(get_value_label(axis, v) for axis, v in entry.values.items()), 24)


@dataclass(frozen=True)
class _Series:
    """A data set's figures along the section's values."""

    label: str
    look: Look
    is_joined: bool
    positions: Sequence[float]


def _draw_series(
    axes: "Axes", series: _Series, figures: Sequence[Interval | None], factor: float
) -> None:
    """Draw figures, with their intervals if they have any."""
    measured = [
        (position, figure)
        for position, figure in zip(series.positions, figures, strict=True)
        if figure is not None
    ]
    axes.errorbar(
        [position for position, _ in measured],
        [figure.value * factor for _, figure in measured],
        yerr=[
            [abs(figure.value - figure.low) * factor for _, figure in measured],
            [abs(figure.value - figure.high) * factor for _, figure in measured],
        ],
        color=series.look.colour,
        marker=series.look.marker,
        linestyle="-" if series.is_joined else "none",
        # Matplotlib keeps labels with a leading underscore out of the legend.
        label=series.label.lstrip("_") or say("figure.no_name"),
        linewidth=1.4,
        markersize=6,
        capsize=3,
        elinewidth=1.1,
    )


def _mark_nothing_measured(axes: "Axes", reasons: Sequence[str]) -> None:
    """Write the first reason why there is no figure, or that nothing was measured."""
    axes.set_yticks([])
    words = shorten(reasons[0], 60) if reasons else say("figure.not_measured")
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def _mark_missing(
    axes: "Axes",
    headings: Sequence[str],
    section: SectionGrid,
    summary: Summary,
    labels: Mapping[str, str],
) -> None:
    """Write the status of each cell without a figure in the figure's place."""
    by_heading: dict[str, list[PlacedCell]] = {}
    for entry in section.cells:
        by_heading.setdefault(_format_heading(entry), []).append(entry)
    for place, heading in enumerate(headings):
        entries = by_heading[heading]
        lost: dict[str, str] = {}
        for entry in entries:
            row = summary.get(entry.key)
            status = "no_record" if row is None else row.status
            if status != Status.OK:
                lost[shorten(labels[entry.dataset], 20)] = status
        alike = len(lost) == len(entries) and len(set(lost.values())) == 1
        statuses = {label: get_status_label(status) for label, status in lost.items()}
        words = (
            list(statuses.values())[:1]
            if alike
            else [f"{label}: {status}" for label, status in statuses.items()]
        )
        if words:
            axes.text(
                place,
                0.04,
                "\n".join(words),
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                rotation=90,
                fontsize=9,
                color=GREY,
            )


def plot_section(
    plan: SectionPlan, summary_csv: Path, out_svg: Path, locales: Path = LOCALES
) -> None:
    """Draw a section in every language: latency on the left, word error rate on the right.

    Args:
        plan: The section, and the labels of the study's data sets.
        summary_csv: The table of all cells.
        out_svg: Output, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: the table is missing or damaged.
    """
    summary = read_summary(summary_csv, SECTION_COLUMNS)
    rows = _list_rows(plan.section, summary)

    def draw() -> Figure:
        if all(row.latency is None and row.wer_value is None for row in rows):
            return draw_nothing_measured([describe_status(row) for row in rows])
        return draw_section(plan, summary)

    save_in_all_languages(draw, out_svg, locales)
