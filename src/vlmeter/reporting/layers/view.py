"""What the report says about the layers, as plain values."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.layers.findings import Finding, list_findings
from vlmeter.reporting.layers.profiles import Profile, list_decode_steps, list_measured
from vlmeter.reporting.layers.tables import tabulate_kinds, tabulate_modules, tabulate_work
from vlmeter.reporting.table import Table
from vlmeter.results.outline import Outline


class LayerTable(NamedTuple):
    """A table about the layers."""

    caption: str
    note: str | None
    table: Table


@dataclass(frozen=True)
class LayersView:
    """The part about layers."""

    dataset: str
    findings: tuple[Finding, ...]
    tables: tuple[LayerTable, ...]
    """Of a forward pass, then of a decode step."""
    stages_lost: tuple[tuple[str, str], ...]
    """Labels of the profiles whose stages were not timed apart for the same reason, and that."""
    decode_lost: tuple[tuple[str, str], ...]
    """Label and reason of each profiled forward pass without a decode step."""
    lost: tuple[tuple[str, str, str], ...]
    """Label, status and reason of each profile that failed."""
    overhead: float | None
    """Largest share of time that the hooks added to a pass or a step, before scaling."""


def build_layers_view(outline: Outline, profiles: Sequence[Profile]) -> LayersView | None:
    """Return the chapter on the layers; None for a study that profiles none."""
    if outline.layers is None:
        return None
    usable = list_measured(profiles)
    steps = list_decode_steps(profiles)
    shares = [profile.overhead_share for profile in (*usable, *steps)]
    overheads = [share for share in shares if share is not None]
    return LayersView(
        dataset=outline.datasets[outline.layers.dataset].label,
        findings=tuple(list_findings(profiles)),
        tables=tuple(_list_tables(profiles, usable, steps)),
        stages_lost=tuple(_list_stages_lost(usable)),
        decode_lost=tuple(
            (profile.label, translate(profile.decode.reason))
            for profile in usable
            if profile.decode is not None and not profile.decode.measured and profile.decode.reason
        ),
        lost=tuple(
            (
                profile.label,
                profile.status,
                translate(profile.reason) if profile.reason else say("layers.no_time"),
            )
            for profile in profiles
            if profile not in usable
        ),
        overhead=max([0.0, *overheads]) if overheads else None,
    )


def _list_stages_lost(profiles: Iterable[Profile]) -> Iterator[tuple[str, str]]:
    labels: dict[str, list[str]] = {}
    for profile in profiles:
        if profile.stages_reason is not None:
            labels.setdefault(profile.stages_reason, []).append(profile.label)
    for reason, own in labels.items():
        yield join_words(own), translate(reason)


def _list_tables(
    profiles: Sequence[Profile], usable: Sequence[Profile], steps: Sequence[Profile]
) -> Iterator[LayerTable]:
    kinds, work = say("layers.kinds_caption"), say("layers.work_caption")
    note = say("layers.work_note")
    if table := tabulate_kinds(profiles):
        yield LayerTable(kinds, None, table)
    if table := tabulate_work(profiles):
        yield LayerTable(work, note, table)
    if usable and (table := tabulate_modules(usable[0])):
        caption = say("layers.modules_caption", profile=usable[0].label)
        yield LayerTable(caption, say("layers.modules_note"), table)
    if table := tabulate_kinds(steps):
        yield LayerTable(say("layers.of_step", caption=kinds), say("layers.decode_note"), table)
    if table := tabulate_work(steps):
        yield LayerTable(say("layers.of_step", caption=work), note, table)
