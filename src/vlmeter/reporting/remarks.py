"""What a reader must know before the first figure: doubts about the machine and its records."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from vlmeter.machine.description import Machine
from vlmeter.measure.result import SLOWDOWNS
from vlmeter.metrics.uncertainty import compare_rounds
from vlmeter.reporting.formats import get_status_label, join_words
from vlmeter.reporting.language import say, translate
from vlmeter.results.numbers import (
    format_interval,
    format_percent,
    format_quantity,
    format_signed_percent,
)
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_plain

_SHOWN = 3
"""Machines or commits that are named."""
_PLAIN_CHANGE = 0.2
"""A change of latency that nobody would call none, whatever the noise."""
_POWER_CAP = "sw_power_cap"
"""NVML's name for it, as the records have it."""
_CARD_COUNT = re.compile(r"^\d+ x ")


@dataclass(frozen=True)
class Remark:
    """A sentence on how far the study can be trusted."""

    text: str
    warning: bool
    """Whether values are in doubt."""
    anchor: str = ""
    """By which links of the page name it; empty where none does."""


@dataclass(frozen=True)
class _CellOnDevice:
    device: str


@dataclass(frozen=True)
class _End:
    looks: int = 1


@dataclass(frozen=True)
class _Rounds:
    latency_s: float | None = None
    rounds_s: tuple[float | None, ...] = ()
    end: _End | None = None


@dataclass(frozen=True)
class TimedCell:
    """What the search for drift reads of a measurement or a record."""

    status: str
    reason: str | None
    cell: _CellOnDevice | None = None
    """Of a record; a measurement names no cell."""
    latency_detail: _Rounds | None = None

    @property
    def latency_s(self) -> float:
        """The latency; 0 where it was not measured."""
        return (self.latency_detail.latency_s if self.latency_detail else None) or 0.0

    @property
    def rounds_s(self) -> list[float]:
        """The latency of each round."""
        rounds = self.latency_detail.rounds_s if self.latency_detail else ()
        return [seconds for seconds in rounds if seconds is not None]

    @property
    def looks(self) -> int:
        """How often the interval over the rounds was to be looked at."""
        end = self.latency_detail.end if self.latency_detail else None
        return 1 if end is None else end.looks


def read_timed_cell(path: Path) -> TimedCell:
    """Read a `measurement.json` or a `record.json`.

    Raises:
        UserError: the file is missing or damaged; the message names it.
    """
    return from_plain(TimedCell, read_json(path), path)


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


def describe_drift(
    control: TimedCell | None, base: TimedCell | None, repeats: Repeats
) -> Remark | None:
    """Say whether the machine drifted between the first and the last measurement.

    Args:
        control: The second measurement of the base cell, at the end of the study.
        base: The first measurement of the base cell.
        repeats: How well costs repeat, in which the control has no part.

    Returns:
        None where there is no second measurement.
    """
    if control is None or base is None:
        return None
    for which, measurement in (("first", base), ("second", control)):
        if measurement.status != Status.OK or not measurement.rounds_s:
            status = get_status_label(measurement.status)
            reason = f": {translate(measurement.reason)}" if measurement.reason else ""
            return Remark(
                say(f"drift.no_{which}", status=f"{status}{reason}"), warning=True, anchor="drift"
            )
    repeatability = repeats.find("latency", base.cell.device) if base.cell else None
    difference = compare_rounds(
        control.rounds_s,
        base.rounds_s,
        repeats=(repeatability, repeatability) if repeatability else None,
        looks=(control.looks, base.looks),
    )
    times = say(
        "drift.times",
        first=format_quantity(base.latency_s, "s"),
        second=format_quantity(control.latency_s, "s"),
    )
    share = difference.as_share_of(fmean(base.rounds_s))
    if share.low is None or share.high is None:
        return Remark(say("drift.one_round", times=times), warning=False, anchor="drift")
    ends = format_interval(share.low, share.high, format_signed_percent)
    change = f"{format_signed_percent(share.estimate)} {ends}"
    if difference.significant:
        return Remark(
            say("drift.drifted", times=times, change=change), warning=True, anchor="drift"
        )
    # Noise that could hide such a change says nothing of a machine that stayed the same.
    unclear = abs(share.estimate) > _PLAIN_CHANGE
    key = "drift.unclear" if unclear else "drift.none"
    return Remark(say(key, times=times, change=change), warning=unclear, anchor="drift")


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
