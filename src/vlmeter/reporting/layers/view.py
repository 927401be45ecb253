"""What the report says about the layers, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

from vlmeter.reporting.language import say
from vlmeter.reporting.layers.findings import Finding, list_findings
from vlmeter.reporting.layers.profiles import Profile, list_decode_steps, list_measured
from vlmeter.reporting.layers.tables import tabulate_kinds, tabulate_modules, tabulate_work
from vlmeter.reporting.table import Table
from vlmeter.results.outline import Outline


@dataclass(frozen=True)
class LayersView:
    """The part about layers."""

    dataset: str
    findings: tuple[Finding, ...]
    kinds: Table | None
    work: Table | None
    modules: Table | None
    modules_of: str
    decode_kinds: Table | None
    """Like `kinds`, for a decode step."""
    decode_work: Table | None
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
        kinds=tabulate_kinds(profiles),
        work=tabulate_work(profiles),
        modules=tabulate_modules(usable[0]) if usable else None,
        modules_of=usable[0].label if usable else "",
        decode_kinds=tabulate_kinds(steps),
        decode_work=tabulate_work(steps),
        decode_lost=tuple(
            (profile.label, profile.decode.reason)
            for profile in usable
            if profile.decode is not None and not profile.decode.measured and profile.decode.reason
        ),
        lost=tuple(
            (profile.label, profile.status, profile.reason or say("layers.no_time"))
            for profile in profiles
            if profile not in usable
        ),
        overhead=max([0.0, *overheads]) if overheads else None,
    )
