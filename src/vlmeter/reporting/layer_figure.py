"""The layer profiles as a figure: where the time goes, and how it grows with the batch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from vlmeter.reporting.canvas import GREY, SIZE_INCHES, set_logarithmic, set_places, short
from vlmeter.reporting.formats import axis_label
from vlmeter.reporting.profiles import Profile, batch_of, batch_series, kinds_of, measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KIND_LOOKS = {
    "linear": ("#0072B2", None),
    "attention": ("#E69F00", "//"),
    "convolution": ("#D55E00", "xx"),
    "normalisation": ("#009E73", ".."),
    "activation": ("#CC79A7", "\\\\"),
    "embedding": ("#56B4E9", None),
    "other": ("#BBBBBB", None),
}
"""Colour and hatch of each kind of layer: the figure is read without colour too."""


def draw_layers(profiles: Sequence[Profile]) -> Figure:
    """Draw time per sample by kind on the left, and time over the batch size on the right."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    kinds = kinds_of(measured(profiles))
    _stacks(left, profiles, kinds)
    _growth(right, measured(profiles))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=min(len(labels), 7), fontsize=9)
    return figure


def _stacks(axes: "Axes", profiles: Sequence[Profile], kinds: Sequence[str]) -> None:
    """Draw the time per sample of each profile, stacked by kind of layer."""
    bottoms = [0.0] * len(profiles)
    for kind in kinds:
        colour, hatch = _KIND_LOOKS.get(kind, ("#000000", None))
        heights = [
            one.ms_by_kind().get(kind, 0.0) / one.axes["batch_size"] if one.measured else 0.0
            for one in profiles
        ]
        axes.bar(
            range(len(profiles)),
            heights,
            bottom=bottoms,
            width=0.62,
            label=kind,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.6,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    set_places(axes, [short(one.label, 24).replace(", ", "\n") for one in profiles], "Profile")
    axes.set_ylabel("Time (ms per sample)")
    for place, one in enumerate(profiles):
        if not one.measured:
            words = one.status.replace("_", " ")
            axes.text(place, 0, words, rotation=90, ha="center", va="bottom", color=GREY)


def _growth(axes: "Axes", profiles: Sequence[Profile]) -> None:
    """Draw the time of a whole pass over the batch size, against proportional growth."""
    series = batch_series(profiles)
    batches = [batch_of(one) for one in series]
    times = [one.total_ms for one in series]
    axes.plot(batches, times, color="#0072B2", marker="o", label="forward pass")
    if len(batches) > 1:
        ideal = [times[0] * batch / batches[0] for batch in batches]
        axes.plot(batches, ideal, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(
            "proportional",
            (batches[-1], ideal[-1]),
            ha="right",
            va="bottom",
            textcoords="offset points",
            xytext=(-6, 0),
            color=GREY,
            fontsize=9,
        )
        axes.set_xscale("log")
        set_logarithmic(axes)
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(axis_label("batch_size"))
    axes.set_ylabel("Time (ms per forward pass)")
