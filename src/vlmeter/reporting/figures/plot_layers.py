"""Draws the layer profiles: time by stage and by kind of layer, and a roofline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from vlmeter.machine.description import read_machine
from vlmeter.reporting.figures.style import (
    GREY,
    draw_nothing_measured,
    save_in_all_languages,
    set_logarithmic,
    shorten,
)
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import (
    LOCALES,
    say,
    translate,
)
from vlmeter.reporting.layers.profiles import (
    OTHER_KIND,
    Profile,
    get_batch_size,
    list_decode_steps,
    list_kinds,
    list_measured,
    list_stages,
    read_profiles,
    select_batch_series,
)
from vlmeter.reporting.layers.roofline import Work, find_peak, list_work
from vlmeter.results.numbers import format_quantity
from vlmeter.results.outline import LayersOutline
from vlmeter.results.tables import read_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOKS: Mapping[str, tuple[str, str | None]] = {
    "linear": ("#0072B2", None),
    "attention": ("#E69F00", "//"),
    "convolution": ("#D55E00", "xx"),
    "normalisation": ("#009E73", ".."),
    "activation": ("#CC79A7", "\\\\"),
    "embedding": ("#56B4E9", None),
    "vision": ("#44AA99", None),
    "qformer": ("#DDCC77", "//"),
    "connector": ("#DDCC77", "//"),
    "prefill": ("#332288", None),
    OTHER_KIND: ("#BBBBBB", None),
}
"""Colour and hatch of each kind of layer and stage; the hatch replaces colour in grey print."""
_LEGEND_COLUMNS = 4
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def draw_layers(profiles: Sequence[Profile], peak_flop_per_s: float | None) -> Figure:
    """Draw the forward pass by stage and by kind, a decode step by kind, and the roofline.

    Args:
        profiles: The profiles, of which at least one was measured.
        peak_flop_per_s: The device's peak in FLOP/s; None where it was not measured.
    """
    layout = ConstrainedLayoutEngine(hspace=0.08, wspace=0.04)
    figure = Figure(figsize=(9.6, 7.4), layout=layout)
    (by_stage, by_kind), (decode, roof) = figure.subplots(2, 2)
    usable, steps = list_measured(profiles), list_decode_steps(profiles)
    per_sample = say("layer_figure.per_sample")
    _draw_stacks(
        by_stage, profiles, [profile.sum_ms_by_stage() for profile in profiles], list_stages(usable)
    )
    _describe(by_stage, say("layer_figure.by_stage"), per_sample)
    _draw_stacks(
        by_kind, profiles, [profile.sum_ms_by_kind() for profile in profiles], list_kinds(usable)
    )
    _describe(by_kind, say("layer_figure.by_kind"), per_sample)
    _draw_stacks(decode, steps, [profile.sum_ms_by_kind() for profile in steps], list_kinds(steps))
    _describe(decode, say("layer_figure.decode"), per_sample)
    if not steps:
        _write_centred(decode, say("figure.not_measured"))
    _draw_roofline(roof, list_work(select_batch_series(usable)), peak_flop_per_s)
    _describe(roof, say("layer_figure.roofline"), say("layer_figure.rate"))
    return figure


def _describe(axes: "Axes", title: str, ylabel: str) -> None:
    legend = axes.get_legend()
    entries = len(legend.get_texts()) if legend else 0
    rows = -(-entries // _LEGEND_COLUMNS)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=6 + 13 * rows)
    axes.set_ylabel(ylabel)


def _draw_stacks(
    axes: "Axes",
    profiles: Sequence[Profile],
    times: Sequence[Mapping[str, float]],
    parts: Sequence[str],
) -> None:
    """Draw the time per sample of each profile, stacked by part."""
    bottoms = [0.0] * len(profiles)
    for part in parts:
        colour, hatch = _LOOKS.get(part, ("#000000", None))
        heights = [
            ms.get(part, 0.0) / get_batch_size(profile)
            for ms, profile in zip(times, profiles, strict=True)
        ]
        axes.bar(
            range(len(profiles)),
            heights,
            width=0.62,
            bottom=bottoms,
            label=shorten(translate(part), 24).lstrip("_") or "?",
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.6,
        )
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    labels = [shorten(profile.label, 24).replace(", ", "\n") for profile in profiles]
    axes.set_xticks(range(len(profiles)), labels, fontsize=9)
    axes.set_xlim(-0.5, max(len(profiles), 1) - 0.5)
    for place, profile in enumerate(profiles):
        if not profile.measured:
            words = get_status_label(profile.status)
            axes.text(place, 0, words, rotation=90, ha="center", va="bottom", color=GREY)
    if parts:
        _add_legend(axes)


def _draw_roofline(axes: "Axes", works: Sequence[Work], peak: float | None) -> None:
    """Draw the FLOP/s of each kind of layer over its arithmetic intensity, below the peak."""
    axes.set_xlabel(say("layer_figure.intensity"))
    axes.grid(visible=True, axis="both")
    if not works:
        _write_centred(axes, say("figure.not_measured"))
        return
    kinds = list(dict.fromkeys(work.kind for work in works))
    for place, kind in enumerate(kinds):
        own = [work for work in works if work.kind == kind]
        axes.plot(
            [work.intensity for work in own],
            [work.flop_per_s / 1e9 for work in own],
            color=_LOOKS.get(kind, ("#000000", None))[0],
            marker=_MARKERS[place % len(_MARKERS)],
            linewidth=0.8,
            label=shorten(translate(kind), 24).lstrip("_") or "?",
        )
        for work in (own[0], own[-1]) if len(own) > 1 else own:
            axes.annotate(
                str(work.batch),
                (work.intensity, work.flop_per_s / 1e9),
                textcoords="offset points",
                xytext=(5, 5),
                fontsize=8,
                color=GREY,
            )
    set_logarithmic(axes, "x")
    set_logarithmic(axes)
    axes.margins(x=0.12, y=0.15)
    if peak is None:
        words = say("layer_figure.no_peak")
    else:
        axes.axhline(peak / 1e9, color=GREY, linestyle="--", linewidth=1)
        words = say("layer_figure.peak", peak=format_quantity(peak, "FLOP/s"))
    axes.text(0.02, 0.98, words, transform=axes.transAxes, va="top", fontsize=8, color=GREY)
    _add_legend(axes)


def _add_legend(axes: "Axes") -> None:
    """Place a legend between a panel and its title."""
    axes.legend(
        ncols=_LEGEND_COLUMNS,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.98),
        fontsize=8,
        handlelength=1.4,
        columnspacing=1.0,
    )


def _write_centred(axes: "Axes", words: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def plot_layers(
    layers: LayersOutline | None,
    layers_csv: Path,
    layer_records: Sequence[Path],
    machine_json: Path,
    out_svg: Path,
    locales: Path = LOCALES,
) -> None:
    """Draw the layer profiles by stage and kind, a decode step, and what is achieved of the peak.

    Args:
        layers: The study's layer profiles; None where it has none.
        layers_csv: The table of all modules.
        layer_records: The JSON beside each profile's table.
        machine_json: Holds the device's peak.
        out_svg: Output, with its forms in other languages in folders beside it.
        locales: Folder of the catalogues.

    Raises:
        UserError: a file is missing or damaged.
    """
    rows = read_layers(layers_csv)
    machine = read_machine(machine_json)

    def draw() -> Figure:
        profiles = read_profiles(layers, rows, layer_records)
        if list_measured(profiles):
            return draw_layers(profiles, find_peak(machine, profiles))
        return draw_nothing_measured(
            [f"{profile.label}: {get_status_label(profile.status)}" for profile in profiles]
        )

    save_in_all_languages(draw, out_svg, locales)
