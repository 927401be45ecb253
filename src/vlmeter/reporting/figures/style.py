"""What all figures share: the style, reproducible SVG files and plain axes."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from vlmeter.escaping import one_line
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import (
    LANGUAGES,
    get_figure_path,
    say,
    use_language,
)
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.svg import write_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#5B6470"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "vlmeter",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#1F2933",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "#1F2933",
    "ytick.labelcolor": "#1F2933",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E3E7EC",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    # Labels may hold user text, in which a dollar sign does not start a formula.
    "text.parse_math": False,
}
SIZE_INCHES = (9.6, 3.6)
_LONG_LABEL = 45
"""Longest label that fits below half a figure in the default font size."""
FLAT_PLACES = 12
"""Most headings that are written horizontally below an axis."""
_LOG_FROM_RATIO = 15.0
"""Largest ratio of two values on a linear axis."""


def save_svg(figure: Figure, path: Path) -> None:
    """Write a figure as SVG without a date, so that the same figure gives the same bytes."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    write_svg(path, buffer.getvalue().decode())


def draw_nothing_measured(reasons: Sequence[str], headline: str | None = None) -> Figure:
    """Return a figure that says what is missing, with up to three reasons."""
    figure = Figure(figsize=(9.6, 1.6), layout="constrained")
    distinct = list(dict.fromkeys(reasons))
    lines = [headline or say("figure.nothing"), *(shorten(reason, 110) for reason in distinct[:3])]
    figure.text(0.5, 0.5, "\n".join(lines), ha="center", va="center", color=GREY, fontsize=11)
    return figure


def shorten(text: str, length: int) -> str:
    """Return a text as one line of at most `length` characters."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1]}…"


def scale_values(axes: "Axes", values: Sequence[float]) -> None:
    """Start the axis at zero, or make it logarithmic where the values span a wide range."""
    positive = [value for value in values if value > 0]
    axes.margins(y=0.12)
    if positive and len(positive) == len(values) and max(values) / min(values) > _LOG_FROM_RATIO:
        set_logarithmic(axes)
    else:
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.12 * max(values, default=0.0)) or 1.0)


def set_logarithmic(axes: "Axes", which: str = "y") -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(format_plain_number)


def format_plain_number(value: float, _position: float | None = None) -> str:
    """Format a tick of a logarithmic axis as a plain number."""
    return f"{value:g}"


def set_places(axes: "Axes", headings: Sequence[str], label: str) -> None:
    """Give each heading a place of its own along the horizontal axis."""
    axes.set_xticks(range(len(headings)), headings)
    if len(headings) > FLAT_PLACES:
        axes.tick_params(axis="x", labelrotation=90, labelsize=9)
    axes.set_xlim(-0.5, len(headings) - 0.5)
    # The names of several axes make a long label, which has half a figure of room.
    axes.set_xlabel(label, fontsize=9 if len(label) > _LONG_LABEL else None)


def save_in_all_languages(draw: Callable[[], Figure], out_svg: Path, locales: Path) -> None:
    """Draw a figure once per language and save each in its place."""
    for language in LANGUAGES:
        with use_language(language, locales), mpl.rc_context(STYLE):
            save_svg(draw(), get_figure_path(out_svg, language))


def describe_status(row: SummaryRow) -> str:
    """Return how a cell ended, with the reason where there is one."""
    status = get_status_label(row.status)
    return f"{status}: {row.reason}" if row.reason else status


# The palette of Okabe and Ito, which is safe for every common form of colour blindness, without
# its yellow, which is faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Look(NamedTuple):
    """How the points of a data set are drawn."""

    colour: str
    marker: str


def choose_look(name: str, names: Sequence[str]) -> Look:
    """Return the look of the data set `name` among all of a study."""
    place = names.index(name)
    return Look(_COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)])
