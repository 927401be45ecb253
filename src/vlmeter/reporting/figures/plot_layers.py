"""Draws the layer profiles: time by stage and by kind of layer, and a roofline."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vlmeter.machine.description import read_machine
from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.roofline_panel import make_roofline_panel
from vlmeter.reporting.figures.spec import Spec
from vlmeter.reporting.figures.stacked_bars import Bar, make_stacked_bars
from vlmeter.reporting.figures.theme import make_empty_chart, make_spec
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import LOCALES, get_language, say, translate
from vlmeter.reporting.layers.profiles import (
    Profile,
    get_batch_size,
    list_decode_steps,
    list_kinds,
    list_measured,
    list_stages,
    read_profiles,
    select_batch_series,
)
from vlmeter.reporting.layers.roofline import find_peak, list_work
from vlmeter.results.numbers import format_percent
from vlmeter.results.outline import LayersPlan
from vlmeter.results.tables import read_layers


def make_layers_chart(
    profiles: Sequence[Profile], peak_flop_per_s: float | None, dataset: str
) -> Chart:
    """Return the forward pass by stage and by kind, a decode step by kind, and the roofline.

    Args:
        profiles: The profiles.
        peak_flop_per_s: The device's peak in FLOP/s; None where it was not measured.
        dataset: Label of the data set that was profiled.
    """
    usable, steps = list_measured(profiles), list_decode_steps(profiles)
    if not usable:
        return make_empty_chart(
            say("figure.nothing"),
            [f"{profile.label}: {get_status_label(profile.status)}" for profile in profiles],
        )
    by_stage = [profile.sum_ms_by_stage() for profile in profiles]
    by_kind = [profile.sum_ms_by_kind() for profile in profiles]
    in_step = [profile.sum_ms_by_kind() for profile in steps]
    panels = [
        _make_stacks("by_stage", profiles, by_stage, list_stages(usable)),
        _make_stacks("by_kind", profiles, by_kind, list_kinds(usable)),
        _make_stacks("decode", steps, in_step, list_kinds(steps)),
        make_roofline_panel(list_work(select_batch_series(usable)), peak_flop_per_s),
    ]
    content = {
        "columns": 2,
        "concat": panels,
        "resolve": {"scale": {"color": "independent", "shape": "independent"}},
    }
    return Chart(
        make_spec(say("layers.title"), [dataset], content),
        f"{say('layers.title')}. {_describe_longest(usable[0])}",
    )


def _make_stacks(
    name: str,
    profiles: Sequence[Profile],
    times: Sequence[Mapping[str, float]],
    parts: Sequence[str],
) -> Spec:
    """Return a panel with the time per sample of each profile, stacked by part."""
    bars = [
        Bar(
            profile.label,
            {part: part_ms / get_batch_size(profile) for part, part_ms in ms.items()},
            "" if profile.measured else get_status_label(profile.status),
        )
        for profile, ms in zip(profiles, times, strict=True)
    ]
    return make_stacked_bars(
        say(f"layer_figure.{name}"),
        bars or [Bar("", {}, say("figure.not_measured"))],
        {part: translate(part) for part in parts},
    )


def _describe_longest(profile: Profile) -> str:
    """Return a sentence on the kinds of layer that take the most time of a profile."""
    shares = [
        f"{translate(kind)} {format_percent(ms / profile.total_ms)}"
        for kind, ms in list(profile.sum_ms_by_kind().items())[:3]
    ]
    return say("layer_figure.alt", profile=profile.label, shares=", ".join(shares))


def plot_layers(
    plan: LayersPlan,
    layers_csv: Path,
    layer_records: Sequence[Path],
    machine_json: Path,
    out_svg: Path,
    locales: Path = LOCALES,
) -> None:
    """Draw the layer profiles by stage and kind, a decode step, and what is achieved of the peak.

    Args:
        plan: The study's layer profiles.
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

    def make() -> Chart:
        profiles = read_profiles(plan.layers, rows, layer_records)
        peak = find_peak(machine, list_measured(profiles))
        labels = plan.labels[get_language()].datasets
        dataset = labels[plan.layers.dataset] if plan.layers else ""
        return make_layers_chart(profiles, peak, dataset)

    save_in_all_languages(make, out_svg, locales)
