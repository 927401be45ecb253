"""Draws a section: latency on the left, word error rate on the right."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from vlmeter.reporting.figures.style import (
    FLAT_PLACES,
    GREY,
    SIZE_INCHES,
    colour_of,
    draw_nothing_measured,
    marker_of,
    save_in_all_languages,
    scale_values,
    set_places,
    shorten,
    status_words,
)
from vlmeter.reporting.formats import axis_label, status_label, value_label
from vlmeter.reporting.language import (
    LOCALES,
    say,
)
from vlmeter.reporting.sections.selection import left_out, shortened
from vlmeter.results.tables import Row, read_summary
from vlmeter.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Plain = Mapping[str, Any]

SECTION_COLUMNS = (
    *("status", "reason", "batch_size", "latency", "latency_low_s", "latency_high_s"),
    *("wer_value", "wer_low", "wer_high", "wer_note"),
)
"""The columns of the summary that a section's figure reads."""
_UPRIGHT_INCHES = 1.4
"""Height of vertical headings below the figure."""


def draw_section(whole: Plain, datasets: Plain, summary: Mapping[tuple[str, str], Row]) -> Figure:
    """Draw latency and word error rate of each value, a colour and a marker per data set.

    Args:
        whole: The section's outline; of many settings, a selection is drawn, with a note.
        datasets: The data sets' outline.
        summary: The rows of `summary.csv`.
    """
    section = shortened(whole, summary)
    headings = list(dict.fromkeys(_format_heading(entry) for entry in section["cells"]))
    width, height = SIZE_INCHES
    upright = len(headings) > FLAT_PLACES
    figure = Figure(figsize=(width, height + upright * _UPRIGHT_INCHES), layout="constrained")
    left, right = figure.subplots(1, 2)
    places = {heading: place for place, heading in enumerate(headings)}
    ordered = len(section["varied"]) == 1 and all(
        isinstance(value, int) for values in section["varied"].values() for value in values
    )
    names = list(datasets)
    present = [name for name in names if any(c["dataset"] == name for c in section["cells"])]
    for place, name in enumerate(present):
        look = _choose_look(name, names, shorten(datasets[name]["label"], 30), ordered)
        shift = (place - (len(present) - 1) / 2) * 0.09
        entries = [entry for entry in section["cells"] if entry["dataset"] == name]
        rows = [summary.get((name, entry["cell"])) for entry in entries]
        positions = [places[_format_heading(entry)] + shift for entry in entries]
        _draw_series(
            left, positions, rows, ("latency", "latency_low_s", "latency_high_s", 1e3), look
        )
        _draw_series(right, positions, rows, ("wer_value", "wer_low", "wer_high", 1.0), look)
    for axes, column in ((left, "latency"), (right, "wer_value")):
        values = [row[column] for row in _list_rows(section, summary) if row[column] is not None]
        scale_values(axes, values)
        if not values:
            _mark_nothing_measured(
                axes, [row for row in _list_rows(section, summary) if column == "wer_value"]
            )
        set_places(axes, headings, " · ".join(axis_label(axis) for axis in section["varied"]))
        _mark_missing(axes, headings, section, summary, datasets)
    words = left_out(whole, section)
    if words is not None:
        figure.supxlabel(words, fontsize=9, color=GREY)
    left.set_ylabel(say("figure.latency"))
    right.set_ylabel(say("figure.wer"))
    if len(present) > 1:
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=len(present))
    return figure


def _list_rows(section: Plain, summary: Mapping[tuple[str, str], Row]) -> list[Row]:
    rows = (summary.get((entry["dataset"], entry["cell"])) for entry in section["cells"])
    return [row for row in rows if row is not None]


def _format_heading(entry: Plain) -> str:
    return shorten(" · ".join(value_label(axis, v) for axis, v in entry["values"].items()), 24)


def _choose_look(name: str, names: Sequence[str], label: str, joined: bool) -> dict[str, Any]:
    return {
        "color": colour_of(name, names),
        "marker": marker_of(name, names),
        "linestyle": "-" if joined else "none",
        # Matplotlib keeps labels with a leading underscore out of the legend.
        "label": label.lstrip("_") or say("figure.no_name"),
        "linewidth": 1.4,
        "markersize": 6,
        "capsize": 3,
        "elinewidth": 1.1,
    }


def _draw_series(
    axes: "Axes",
    positions: Sequence[float],
    rows: Sequence[Row | None],
    columns: tuple[str, str, str, float],
    look: Plain,
) -> None:
    """Draw a data set's figures, with their intervals if they have any."""
    centre, low, high, factor = columns
    measured = [
        (position, row)
        for position, row in zip(positions, rows, strict=True)
        if row is not None and row[centre] is not None
    ]
    values = [row[centre] * factor for _, row in measured]
    below = [_measure_distance(row, centre, low) * factor for _, row in measured]
    above = [_measure_distance(row, centre, high) * factor for _, row in measured]
    axes.errorbar([position for position, _ in measured], values, yerr=[below, above], **look)


def _measure_distance(row: Row, centre: str, end: str) -> float:
    """Return the distance of an interval's end from the figure; 0 without an interval."""
    return 0.0 if row[end] is None else abs(float(row[centre] - row[end]))


def _mark_nothing_measured(axes: "Axes", rows: Sequence[Row]) -> None:
    """Write that nothing was measured, or why quality has no figure."""
    axes.set_yticks([])
    reasons = [row["wer_note"] for row in rows if row["status"] == Status.OK and row["wer_note"]]
    words = shorten(reasons[0], 60) if reasons else say("figure.not_measured")
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def _mark_missing(
    axes: "Axes",
    headings: Sequence[str],
    section: Plain,
    summary: Mapping[tuple[str, str], Row],
    datasets: Plain,
) -> None:
    """Write the status of each cell without a figure in the figure's place."""
    by_heading: dict[str, list[Plain]] = {}
    for entry in section["cells"]:
        by_heading.setdefault(_format_heading(entry), []).append(entry)
    for place, heading in enumerate(headings):
        entries = by_heading[heading]
        lost = {}
        for entry in entries:
            row = summary.get((entry["dataset"], entry["cell"]))
            status = "no_record" if row is None else row["status"]
            if status != Status.OK:
                lost[shorten(datasets[entry["dataset"]]["label"], 20)] = status
        alike = len(lost) == len(entries) and len(set(lost.values())) == 1
        statuses = {label: status_label(status) for label, status in lost.items()}
        words = list(statuses.values())[:1] if alike else [f"{k}: {v}" for k, v in statuses.items()]
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
    section: Plain, datasets: Plain, summary_csv: Path, out_svg: Path, locales: Path = LOCALES
) -> None:
    """Draw a section in every language: latency on the left, word error rate on the right.

    Args:
        section: The section's outline: `varied` and `cells` are read.
        datasets: Every data set of the study with its label, in the study's order, which decides
            the colours.
        summary_csv: The table of all cells.
        out_svg: Written, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: the table is missing or damaged.
    """
    summary = read_summary(summary_csv, SECTION_COLUMNS)
    pairs = [(entry, summary.get((entry["dataset"], entry["cell"]))) for entry in section["cells"]]
    rows = [row for _, row in pairs if row is not None]

    def draw() -> Figure:
        if all(row["latency"] is None and row["wer_value"] is None for row in rows):
            return draw_nothing_measured([status_words(row) for row in rows])
        return draw_section(section, datasets, summary)

    save_in_all_languages(draw, out_svg, locales)
