"""Draws a section: latency on the left, word error rate on the right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.theme import (
    GREY,
    PANEL_PX,
    describe_status,
    list_notes,
    list_point_layers,
    make_amounts,
    make_empty_chart,
    make_looks,
    make_positions,
    make_spec,
    shorten,
)
from vlmeter.reporting.figures.values import Interval, format_measured, read_latency, read_wer
from vlmeter.reporting.formats import (
    get_axis_label,
    get_status_label,
    get_value_label,
    join_words,
)
from vlmeter.reporting.language import LOCALES, get_language, say, translate
from vlmeter.reporting.sections.selection import describe_left_out, shorten_section
from vlmeter.results.numbers import format_number
from vlmeter.results.outline import PlacedCell, SectionGrid, SectionPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Summary, read_summary
from vlmeter.status import Status

SECTION_COLUMNS = (
    *("status", "reason", "batch_size", "latency", "latency_low_s", "latency_high_s"),
    *("wer_value", "wer_low", "wer_high", "wer_note", "disturbed"),
)
"""The columns of the summary that a section's figure reads."""
_SHIFT = 0.1
"""Distance between the points of two data sets at a place, in places."""
_PANELS: Mapping[str, tuple[Callable[[SummaryRow], Interval | None], float]] = {
    "latency": (read_latency, 1e3),
    "wer": (read_wer, 1.0),
}
"""What each panel shows, and what its axis multiplies that by."""


@dataclass(frozen=True)
class _Places:
    """Where the cells of a section stand."""

    section: SectionGrid
    labels: Mapping[str, str]
    """Label of every data set of the study."""
    headings: Sequence[str]
    """A place each."""
    datasets: Sequence[str]
    """The data sets of the section in the study's order."""
    summary: Summary

    def get_x(self, entry: PlacedCell) -> float:
        """Return where a cell stands: data sets beside each other at each place."""
        shift = self.datasets.index(entry.dataset) - (len(self.datasets) - 1) / 2
        return round(self.headings.index(_format_heading(entry)) + shift * _SHIFT, 3)

    @property
    def rows(self) -> list[SummaryRow]:
        """The rows of the section's cells."""
        keys = [entry.key for entry in self.section.cells]
        return [self.summary[key] for key in keys if key in self.summary]

    @property
    def is_ordered(self) -> bool:
        """Whether a line from place to place makes sense."""
        values = [value for values in self.section.varied.values() for value in values]
        return len(self.section.varied) == 1 and all(isinstance(value, int) for value in values)


def make_section_chart(plan: SectionPlan, summary: Summary) -> Chart:
    """Return latency and word error rate of each value, a colour and a shape per data set.

    Args:
        plan: The section; of many settings, a selection is shown, with a note.
        summary: The rows of `summary.csv`.
    """
    section = shorten_section(plan.section, summary, plan.most)
    labels = plan.labels[get_language()].datasets
    places = _Places(
        section,
        labels,
        list(dict.fromkeys(map(_format_heading, section.cells))),
        [name for name in labels if any(cell.dataset == name for cell in section.cells)],
        summary,
    )
    rows = places.rows
    if all(row.latency is None and row.wer_value is None for row in rows):
        return make_empty_chart(say("figure.nothing"), [describe_status(row) for row in rows])
    panels = {name: _list_points(places, name) for name in _PANELS}
    title = say("figure.by", axes=_name_axes(section))
    notes = [join_words([labels[name] for name in places.datasets])]
    notes += [note for note in [describe_left_out(plan.section, section)] if note]
    concat = [_make_panel(places, name, points) for name, points in panels.items()]
    alts = [_describe_points(name, points) for name, points in panels.items()]
    return Chart(
        make_spec(
            title,
            list_notes(notes, disturbed=any(row.disturbed for row in rows)),
            {"columns": 2, "concat": concat},
        ),
        f"{title}. {' '.join(alts)}",
    )


def _name_axes(section: SectionGrid) -> str:
    return " · ".join(get_axis_label(axis) for axis in section.varied)


def _format_heading(entry: PlacedCell) -> str:
    return shorten(" · ".join(get_value_label(axis, v) for axis, v in entry.values.items()), 24)


def _list_points(places: _Places, name: str) -> list[Spec]:
    """Return what is known of each point of a panel."""
    read, factor = _PANELS[name]
    points = []
    for entry in places.section.cells:
        row = places.summary.get(entry.key)
        interval = None if row is None else read(row)
        if row is None or interval is None:
            continue
        value, low, high = (float(f"{end * factor:.5g}") for end in interval)
        points.append(
            {
                "cell": entry.cell,
                "dataset": entry.dataset,
                "x": places.get_x(entry),
                "y": value,
                "low": low,
                "high": high,
                "disturbed": bool(row.disturbed),
                "words": {
                    "title": f"{places.labels[entry.dataset]} · {_format_heading(entry)}",
                    say(f"figure.{name}"): format_measured(Interval(value, low, high)),
                },
            }
        )
    return points


def _make_panel(places: _Places, name: str, points: Sequence[Spec]) -> Spec:
    width, height = PANEL_PX
    x = make_positions(places.headings, _name_axes(places.section)) | {"field": "x"}
    values = [point["y"] for point in points]
    y = make_amounts(values, say(f"figure.{name}")) | {"field": "y"}
    looks = make_looks(places.labels, places.datasets)
    layers = list_point_layers(x, y, looks, is_joined=places.is_ordered)
    lost = {
        "data": {"values": _list_lost(places)},
        "mark": {"type": "text", "angle": 270, "align": "left", "color": GREY, "fontSize": 10},
        "encoding": {
            "x": x,
            "y": {"value": height - 6},
            "text": {"field": "words", "type": "nominal"},
        },
    }
    layers.append(lost)
    if not points:
        notes = [row.wer_note for row in places.rows if row.wer_note and row.status == Status.OK]
        reason = translate(notes[0]) if notes and name == "wer" else say("figure.not_measured")
        layers.append(
            {
                "data": {"values": [{"words": shorten(reason, 44)}]},
                "mark": {"type": "text", "color": GREY},
                "encoding": {
                    "x": {"value": width / 2},
                    "y": {"value": height / 2},
                    "text": {"field": "words"},
                },
            }
        )
    return {
        "width": width,
        "height": height,
        "data": {"values": list(points)},
        "layer": layers,
    }


def _list_lost(places: _Places) -> list[Spec]:
    """Return the status of each cell without values, in the place of its points."""
    by_heading: dict[str, list[PlacedCell]] = {}
    for entry in places.section.cells:
        by_heading.setdefault(_format_heading(entry), []).append(entry)
    marks = []
    for place, heading in enumerate(places.headings):
        entries = by_heading[heading]
        lost: dict[str, str] = {}
        for entry in entries:
            row = places.summary.get(entry.key)
            status = "no_record" if row is None else row.status
            if status != Status.OK:
                lost[shorten(places.labels[entry.dataset], 20)] = get_status_label(status)
        if len(lost) == len(entries) and len(set(lost.values())) == 1:
            marks.append({"x": place, "words": next(iter(lost.values()))})
        elif lost:
            words = [f"{label}: {status}" for label, status in lost.items()]
            marks.append({"x": place, "words": words})
    return marks


def _describe_points(name: str, points: Sequence[Spec]) -> str:
    """Return a sentence on the least and the greatest value of a panel."""
    label = say(f"figure.{name}")
    if not points:
        return say("figure.alt_nothing", measure=label)
    least, most = (choose(points, key=lambda point: point["y"]) for choose in (min, max))
    return say(
        "figure.alt_range",
        measure=label,
        low=format_number(least["y"]),
        lowest=least["words"]["title"],
        high=format_number(most["y"]),
        highest=most["words"]["title"],
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
    save_in_all_languages(lambda: make_section_chart(plan, summary), out_svg, locales)
