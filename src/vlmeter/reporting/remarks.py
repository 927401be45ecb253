"""What a reader must know before the first figure: doubts about the machine and its records."""

import math
import re
from collections.abc import Iterator, Sequence

from vlmeter.machine.description import Machine
from vlmeter.measure.result import SLOWDOWNS
from vlmeter.reporting.drift import TimedCell, describe_drift
from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.remark import Remark
from vlmeter.results.numbers import format_percent, format_quantity
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status

_SHOWN = 3
"""Machines or commits that are named."""
_POWER_CAP = "sw_power_cap"
"""NVML's name for it, as the records have it."""
_CARD_COUNT = re.compile(r"^\d+ x ")


def list_remarks(
    rows: Sequence[SummaryRow],
    machine: Machine,
    repeats: Repeats,
    control: TimedCell | None,
    base: TimedCell | None,
) -> tuple[Remark, ...]:
    """Return what stands at the report's top, the gravest first.

    Args:
        rows: The rows of `summary.csv`.
        machine: The machine that was described.
        repeats: How well the costs of the study repeat.
        control: The second measurement of the base cell; None where the study has none.
        base: The first measurement of the base cell.
    """
    drift = describe_drift(control, base, repeats)
    remarks = [
        *_describe_mixture(rows, machine),
        *_describe_doubts(rows),
        *_describe_substitutions(rows),
        *_describe_power_cap(rows),
        *_describe_missed_targets(rows),
        *([drift] if drift else []),
        *_describe_repeats(repeats),
    ]
    return tuple(sorted(remarks, key=_order_gravest_first))


def _describe_repeats(repeats: Repeats) -> Iterator[Remark]:
    """Say how well the same computation repeats, which every comparison allows for."""
    for place, (device, latency) in enumerate(repeats.latency.items()):
        wrong, pairs = latency.false_differences, latency.pairs
        energy = repeats.find("energy", device)
        text = say(
            "repeats.of_device",
            count=latency.computations,
            cells=latency.cells,
            device=device,
            latency=format_percent(latency.deviation),
            also=say("repeats.energies", energy=format_percent(energy.deviation)) if energy else "",
            pairs=pairs,
            wrong=wrong,
        )
        anchor = "" if place else "repeatability"
        yield Remark(text, warning=wrong > _count_false_by_chance(pairs), anchor=anchor)
    if not repeats.latency:
        yield Remark(say("repeats.none"), warning=False, anchor="repeatability")


def _count_false_by_chance(pairs: int) -> int:
    """Return how many false differences of 5 % each are no surprise: at least one."""
    return max(1, math.ceil(0.05 * pairs))


def _describe_mixture(rows: Sequence[SummaryRow], machine: Machine) -> Iterator[Remark]:
    hosts = {row.machine_host: str(row.machine_cpu) for row in rows if row.machine_host}
    if len(hosts) > 1:
        text = say("mixed.machines", count=len(hosts), names=_name_some(list(hosts.values())))
        yield Remark(text, warning=True)
    elif hosts and machine.host not in hosts:
        text = say(
            "mixed.another_machine",
            names=_name_some(list(hosts.values())),
            described=machine.cpu.name,
        )
        yield Remark(text, warning=True)
    cards = {_CARD_COUNT.sub("", row.machine_gpus) for row in rows if row.machine_gpus}
    if len(cards) > 1:
        text = say("mixed.gpus", count=len(cards), names=_name_some(sorted(cards)))
        yield Remark(text, warning=True)
    commits = list(dict.fromkeys(row.git_commit for row in rows if row.git_commit))
    codes = {row.code_digest for row in rows if row.code_digest}
    if len(commits) > 1:
        key = "mixed.commits_of_one_code" if len(codes) == 1 else "mixed.commits"
        short = [commit[:10] for commit in commits]
        yield Remark(say(key, count=len(commits), names=_name_some(short)), warning=True)
    elif len(codes) > 1:
        yield Remark(say("mixed.codes", count=len(codes)), warning=True)


def _describe_doubts(rows: Sequence[SummaryRow]) -> Iterator[Remark]:
    measured = [row for row in rows if row.status == Status.OK]
    slowed = [was_slowed(row) for row in measured]
    counts = {
        "doubt.slowed": sum(slowed),
        # What slowed a GPU disturbs its cell too, and is said apart.
        "doubt.disturbed": sum(
            bool(row.disturbed) and not slow for row, slow in zip(measured, slowed, strict=True)
        ),
        "doubt.not_steady": sum(row.latency_steady is False for row in measured),
    }
    anchor = "disturbed"
    for key, count in counts.items():
        if count:
            yield Remark(say(key, count=count, cells=len(measured)), warning=True, anchor=anchor)
            anchor = ""


def _describe_missed_targets(rows: Sequence[SummaryRow]) -> Iterator[Remark]:
    """Say how many cells ran out of time before their intervals were narrow: those say so too."""
    missed = [row for row in rows if row.target_missed]
    if missed:
        widths = [
            width
            for row in missed
            for width, ended_by in (
                (row.latency_half_width, row.latency_ended_by),
                (row.energy_half_width, row.energy_ended_by),
                (row.generation_half_width, row.generation_ended_by),
                (row.energy_per_token_half_width, row.energy_per_token_ended_by),
            )
            if width is not None and ended_by == "cap"
        ]
        measured = sum(row.status == Status.OK for row in rows)
        widest = format_percent(max(widths))
        text = say("doubt.wide", count=len(missed), cells=measured, widest=widest)
        yield Remark(text, warning=False, anchor="wide")


def was_slowed(row: SummaryRow) -> bool:
    """Say whether heat or the power supply slowed a GPU of the cell down."""
    return any(reason in (row.gpu_throttle_reasons or "") for reason in SLOWDOWNS)


def _describe_substitutions(rows: Sequence[SummaryRow]) -> Iterator[Remark]:
    substitutions = {row.model_not_as_asked: row.optimization for row in rows}
    for words, optimization in substitutions.items():
        if words:
            text = say("doubt.substituted", optimization=optimization, words=translate(words))
            yield Remark(text, warning=True)


def _describe_power_cap(rows: Sequence[SummaryRow]) -> Iterator[Remark]:
    """Say where the power limit decided the clock: no fault, but it decides the times too."""
    on_gpu = [row for row in rows if row.status == Status.OK and row.device == "cuda"]
    capped = [row for row in on_gpu if _POWER_CAP in (row.gpu_throttle_reasons or "")]
    limits = sorted({row.gpu_power_limit_w for row in capped if row.gpu_power_limit_w is not None})
    if capped:
        text = say(
            "power_cap.held",
            count=len(capped),
            cells=len(on_gpu),
            limit=say(
                "power_cap.limit",
                watts=join_words([format_quantity(watts, "W") for watts in limits]),
            )
            if limits
            else "",
        )
        yield Remark(text, warning=False)


def _name_some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return (
        join_words([*names[:_SHOWN], say("list.more", count=more)])
        if more > 0
        else join_words(names)
    )


def _order_gravest_first(remark: Remark) -> bool:
    return not remark.warning
