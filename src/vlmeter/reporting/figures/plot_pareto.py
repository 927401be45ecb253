"""Draws quality over cost: a row per data set and model, latency left, energy right."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from vlmeter.decision.metric import Metric
from vlmeter.reporting.decision import (
    Group,
    Interval,
    find_front,
    get_energy,
    get_latency,
    get_quality,
    group_measured,
)
from vlmeter.reporting.figures.style import (
    GREY,
    Look,
    choose_look,
    describe_status,
    draw_nothing_measured,
    save_in_all_languages,
    set_logarithmic,
    shorten,
)
from vlmeter.reporting.language import (
    LOCALES,
    say,
    translate,
)
from vlmeter.reporting.settings import format_group_title, format_setting
from vlmeter.results.numbers import Scale
from vlmeter.results.outline import ParetoPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import read_summary
from vlmeter.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 12
"""Most data sets and models that are drawn."""
_LABELLED = 9
"""Most points that are all labelled; of more points, only those on the front have labels."""
_MANY = 200
"""Most points of normal size; of more, points behind the front are small, not to overlap."""
_FAINT = 0.3
_INCHES = 3.1
_LETTER = (0.0158, 0.075)
"""Approximate width and height of a letter of a label, as shares of a panel."""


class _Point(NamedTuple):
    row: SummaryRow
    cost: Interval
    quality: Interval
    on_front: bool


def draw_pareto(plan: ParetoPlan, groups: Sequence[Group]) -> Figure:
    """Draw quality over latency and over energy; better cells are higher.

    Args:
        plan: The study's base and labels.
        groups: Groups with a quality; cells behind the Pareto front are drawn faint.
    """
    shown = groups[:MOST_ROWS]
    figure = Figure(
        figsize=(9.6, 0.4 + _INCHES * len(shown)), layout=ConstrainedLayoutEngine(hspace=0.08)
    )
    grid = figure.subplots(len(shown), 2, squeeze=False)
    labels = []
    for axes, group in zip(grid, shown, strict=True):
        title = format_group_title(plan.labels, group.dataset, group.model)
        axes[0].set_title(shorten(title, 60), loc="left", fontsize=11, fontweight="bold")
        for panel, cost, unit, key in (
            (axes[0], get_latency, "s", "pareto.latency"),
            (axes[1], get_energy, "J", "pareto.energy"),
        ):
            labels.append((panel, _draw_panel(panel, group, plan, cost, (unit, key))))
    figure.draw_without_rendering()
    for panel, panel_labels in labels:
        _place_labels(panel, panel_labels)
    return figure


def _draw_panel(
    axes: "Axes",
    group: Group,
    plan: ParetoPlan,
    cost: Callable[[SummaryRow], Interval | None],
    unit_and_key: tuple[str, str],
) -> list[tuple[float, float, str, bool]]:
    """Draw a panel; return the labels of its points."""
    assert group.quality is not None
    unit, key = unit_and_key
    points = _build_points(group.rows, group.quality, cost)
    scale = Scale.of([point.cost.value for point in points], unit)
    _describe_axes(axes, group.quality, say(key, unit=scale.unit))
    if not points:
        axes.set_xticks([])
        axes.set_yticks([])
        words = say("figure.not_measured")
        axes.text(0.5, 0.5, words, ha="center", va="center", color=GREY, transform=axes.transAxes)
        return []
    look = choose_look(group.dataset, list(plan.labels.datasets))
    x = [point.cost.value / scale.factor for point in points]
    faint = [place for place, point in enumerate(points) if not point.on_front]
    axes.plot(
        [x[place] for place in faint],
        [points[place].quality.value for place in faint],
        color=look.colour,
        marker=look.marker,
        linestyle="none",
        alpha=_FAINT,
        markersize=6 if len(points) <= _MANY else 2,
        zorder=2,
    )
    best = sorted((x[place], points[place]) for place in range(len(x)) if points[place].on_front)
    _draw_front(axes, best, scale.factor, look)
    if len(points) > 1 and min(x) > 0 and max(x) / min(x) > 15:
        set_logarithmic(axes, "x")
    axes.margins(x=0.14, y=0.22)
    return [
        (
            x[place],
            point.quality.value,
            shorten(format_setting(point.row, plan.base), 40),
            point.on_front,
        )
        for place, point in enumerate(points)
        if point.on_front or len(points) <= _LABELLED
    ]


def _build_points(
    rows: Sequence[SummaryRow], quality: Metric, cost: Callable[[SummaryRow], Interval | None]
) -> list[_Point]:
    measured = [
        (row, interval, figure)
        for row in rows
        if (interval := cost(row)) is not None and (figure := get_quality(row, quality)) is not None
    ]
    sign = -1.0 if quality.higher_is_better else 1.0
    best = (
        set(find_front([[interval.value, sign * figure.value] for _, interval, figure in measured]))
        if measured
        else ()
    )
    return [
        _Point(row, interval, figure, place in best)
        for place, (row, interval, figure) in enumerate(measured)
    ]


def _draw_front(
    axes: "Axes", best: Sequence[tuple[float, _Point]], factor: float, look: Look
) -> None:
    """Draw the points of the Pareto front with their intervals, joined by steps."""
    x = [place for place, _ in best]
    y = [point.quality.value for _, point in best]
    axes.step(x, y, where="post", color=look.colour, linewidth=1, alpha=0.5, zorder=1)
    across = [_measure_reach(point.cost, factor) for _, point in best]
    along = [_measure_reach(point.quality, 1.0) for _, point in best]
    axes.errorbar(
        *(x, y),
        xerr=list(zip(*across, strict=True)),
        yerr=list(zip(*along, strict=True)),
        color=look.colour,
        marker=look.marker,
        linestyle="none",
        markersize=7,
        capsize=2,
        elinewidth=0.8,
        zorder=3,
    )


def _measure_reach(interval: Interval, factor: float) -> tuple[float, float]:
    """Return the distances of the ends from the figure, with the lower end cut at zero."""
    below = max(0.0, interval.value - max(0.0, interval.low))
    above = max(0.0, interval.high - interval.value)
    return below / factor, above / factor


def _describe_axes(axes: "Axes", quality: Metric, cost: str) -> None:
    axes.set_xlabel(cost)
    axes.grid(visible=True, axis="both")
    name = shorten(translate(quality.label), 26)
    key = "pareto.higher" if quality.higher_is_better else "pareto.lower"
    axes.set_ylabel(say(key, metric=name), fontsize=9)
    if not quality.higher_is_better:
        # Better cells are higher in every panel.
        axes.yaxis.set_inverted(True)


def _place_labels(axes: "Axes", labels: Sequence[tuple[float, float, str, bool]]) -> None:
    """Write labels beside their points where there is room, those on the front first."""
    taken: list[tuple[float, float, float, float]] = []
    to_share = axes.transAxes.inverted()
    for x, y, words, on_front in sorted(labels, key=_order_front_first):
        left, bottom = to_share.transform(axes.transData.transform((x, y)))
        width, height = _LETTER[0] * len(words), _LETTER[1]
        spots = [
            (left + side * 0.02 - (width if side < 0 else 0), bottom + step * height)
            for step in (0.7, -0.7, 1.6, -1.6, 2.5, -2.5, 3.4, -3.4)
            for side in (1, -1)
        ]
        spot = next((place for place in spots if _is_free(place, width, height, taken)), None)
        if spot is None:
            continue
        taken.append((spot[0], spot[1] - height / 2, spot[0] + width, spot[1] + height / 2))
        axes.text(
            *(*spot, words),
            transform=axes.transAxes,
            fontsize=8,
            va="center",
            color="#1F2933" if on_front else GREY,
            alpha=1.0 if on_front else 0.75,
            in_layout=False,
        )


def _order_front_first(label: tuple[float, float, str, bool]) -> tuple[bool, float]:
    return not label[3], label[0]


def _is_free(
    spot: tuple[float, float],
    width: float,
    height: float,
    taken: Sequence[tuple[float, float, float, float]],
) -> bool:
    left, middle = spot
    right, low, high = left + width, middle - height / 2, middle + height / 2
    inside = left >= 0 and right <= 1.01 and low >= 0 and high <= 1
    return inside and not any(
        left < other[2] and other[0] < right and low < other[3] and other[1] < high
        for other in taken
    )


def plot_pareto(
    plan: ParetoPlan,
    summary_csv: Path,
    differences_csv: Path,
    out_svg: Path,
    locales: Path = LOCALES,
) -> None:
    """Draw quality over latency and energy in every language, for each data set and model.

    Args:
        plan: The study's base, references and labels.
        summary_csv: The table of all cells.
        differences_csv: The table of their differences.
        out_svg: Output, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: a table is missing or damaged.
    """
    rows = list(read_summary(summary_csv).values())
    groups = group_measured(rows)
    judged = [group for group in groups if group.quality is not None]

    def draw() -> Figure:
        if judged:
            return draw_pareto(plan, judged)
        if any(group.rows for group in groups):
            notes = [translate(row.wer_note) for row in rows if row.wer_note]
            return draw_nothing_measured(notes, say("pareto.no_quality"))
        return draw_nothing_measured(
            [describe_status(row) for row in rows if row.status != Status.OK]
        )

    save_in_all_languages(draw, out_svg, locales)
