"""What a reader must know before the first figure: doubts about the machine and its records."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from vlmeter.measure.gpu_conditions import SLOWDOWNS
from vlmeter.metrics.uncertainty import difference_of_rounds
from vlmeter.reporting.formats import listed, status_label
from vlmeter.reporting.language import say
from vlmeter.results.numbers import number, percent, quantity, signed_percent
from vlmeter.results.repeatability import repeatability_of
from vlmeter.results.tables import Row
from vlmeter.status import Status

Plain = Mapping[str, Any]

_SHOWN = 3
"""Machines or commits that are named."""
_POWER_CAP = "sw_power_cap"
"""NVML's name for it, as the records have it."""
_CARD_COUNT = re.compile(r"^\d+ x ")


class Remark(NamedTuple):
    """A sentence at the report's top."""

    text: str
    warning: bool
    """Whether figures are in doubt."""


def remarks(
    rows: Sequence[Row],
    machine: Plain,
    repeats: Plain,
    control: Plain | None,
    base_record: Plain | None,
) -> tuple[Remark, ...]:
    """Return what stands at the report's top, the gravest first.

    Args:
        rows: The rows of `summary.csv`.
        machine: `machine.json`.
        repeats: `repeatability.json`.
        control: The second measurement of the base cell; None where the study has none.
        base_record: The record of the base cell.
    """
    drift = drift_sentence(control, base_record, repeats)
    found = [
        *_mixed(rows, machine),
        *_doubtful(rows),
        *_not_as_asked(rows),
        *_power_capped(rows),
        *([drift] if drift else []),
        *_repeating(repeats),
    ]
    return tuple(sorted(found, key=_gravest_first))


def drift_sentence(
    control: Plain | None, base_record: Plain | None, repeats: Plain
) -> Remark | None:
    """Say whether the machine drifted between the first and the last measurement.

    Args:
        control: `measurement.json` of the base cell's second measurement.
        base_record: The record of its first.
        repeats: `repeatability.json`, in which the control has no part.

    Returns:
        One sentence; None where there is no second measurement.
    """
    if control is None or base_record is None:
        return None
    for which, cell in (("first", base_record), ("second", control)):
        if cell.get("status") != Status.OK or not _latency(cell)[1]:
            status = status_label(str(cell.get("status")))
            reason = f": {cell['reason']}" if cell.get("reason") else ""
            return Remark(say(f"drift.no_{which}", status=f"{status}{reason}"), warning=True)
    (first_s, first), (second_s, second) = _latency(base_record), _latency(control)
    known = repeatability_of(repeats, "latency", str(base_record["cell"]["device"]))
    found = difference_of_rounds(second, first, repeats=(known, known) if known else None)
    times = say("drift.times", first=quantity(first_s, "s"), second=quantity(second_s, "s"))
    if found.low is None or found.high is None:
        return Remark(say("drift.one_round", times=times), warning=False)
    start_s = fmean(first)
    ends = f"{signed_percent(found.low / start_s)}, {signed_percent(found.high / start_s)}"
    change = f"{signed_percent(found.estimate / start_s)} [{ends}]"
    key = "drift.drifted" if found.significant else "drift.none"
    return Remark(say(key, times=times, change=change), warning=found.significant)


def _repeating(repeats: Plain) -> Iterator[Remark]:
    """Say how well the same computation repeats, which is what every comparison is held against."""
    by_device = repeats.get("latency") or {}
    for device, entry in by_device.items():
        wrong, pairs = entry["false_differences"], entry["pairs"]
        energy = repeatability_of(repeats, "energy", device)
        text = say(
            "repeats.told",
            count=entry["computations"],
            cells=entry["cells"],
            device=device,
            latency=percent(entry["deviation"]),
            also=say("repeats.energies", energy=percent(energy.deviation)) if energy else "",
            pairs=pairs,
            wrong=wrong,
        )
        yield Remark(text, warning=wrong > _false_by_chance(pairs))
    if not by_device:
        yield Remark(say("repeats.none"), warning=False)


def _false_by_chance(pairs: int) -> int:
    """Return how many false differences of 5 % each are no surprise: at least one."""
    return max(1, math.ceil(0.05 * pairs))


def _latency(cell: Plain) -> tuple[float, list[float]]:
    detail = cell.get("latency_detail")
    detail = detail if isinstance(detail, dict) else {}
    rounds = [one for one in detail.get("rounds_s") or [] if one is not None]
    return detail.get("latency_s") or 0.0, rounds


def _mixed(rows: Sequence[Row], machine: Plain) -> Iterator[Remark]:
    hosts = {row["machine_host"]: str(row["machine_cpu"]) for row in rows if row["machine_host"]}
    described = machine.get("host")
    if len(hosts) > 1:
        text = say("mixed.machines", count=len(hosts), names=_some(list(hosts.values())))
        yield Remark(text, warning=True)
    elif hosts and described and described not in hosts:
        text = say(
            "mixed.another_machine",
            names=_some(list(hosts.values())),
            described=(machine.get("cpu") or {}).get("name"),
        )
        yield Remark(text, warning=True)
    cards = {_CARD_COUNT.sub("", row["machine_gpus"]) for row in rows if row["machine_gpus"]}
    if len(cards) > 1:
        text = say("mixed.gpus", count=len(cards), names=_some(sorted(cards)))
        yield Remark(text, warning=True)
    commits = list(dict.fromkeys(row["git_commit"] for row in rows if row["git_commit"]))
    codes = {row["code_digest"] for row in rows if row["code_digest"]}
    if len(commits) > 1:
        key = "mixed.commits_of_one_code" if len(codes) == 1 else "mixed.commits"
        short = [commit[:10] for commit in commits]
        yield Remark(say(key, count=len(commits), names=_some(short)), warning=True)
    elif len(codes) > 1:
        yield Remark(say("mixed.codes", count=len(codes)), warning=True)


def _doubtful(rows: Sequence[Row]) -> Iterator[Remark]:
    measured = [row for row in rows if row["status"] == Status.OK]
    slowed = [_was_slowed(row) for row in measured]
    counts = {
        "doubt.slowed": sum(slowed),
        # What slowed a GPU disturbs its cell too, and is said apart.
        "doubt.disturbed": sum(
            bool(row["disturbed"]) and not slow for row, slow in zip(measured, slowed, strict=True)
        ),
        "doubt.not_steady": sum(row["latency_steady"] is False for row in measured),
    }
    for key, count in counts.items():
        if count:
            yield Remark(say(key, count=count, cells=len(measured)), warning=True)


def _was_slowed(row: Row) -> bool:
    return any(reason in (row["gpu_throttle_reasons"] or "") for reason in SLOWDOWNS)


def _not_as_asked(rows: Sequence[Row]) -> Iterator[Remark]:
    told = {row["model_not_as_asked"]: row["optimization"] for row in rows}
    for words, optimization in told.items():
        if words:
            yield Remark(f"{optimization} was not all that ran: {words}.", warning=True)


def _power_capped(rows: Sequence[Row]) -> Iterator[Remark]:
    """Say where the power limit decided the clock: no fault, but it decides the times too."""
    on_gpu = [row for row in rows if row["status"] == Status.OK and row["device"] == "cuda"]
    capped = [row for row in on_gpu if _POWER_CAP in (row["gpu_throttle_reasons"] or "")]
    limits = sorted({row["gpu_power_limit_w"] for row in capped} - {None})
    if capped:
        text = say(
            "power_cap.held",
            count=len(capped),
            cells=len(on_gpu),
            limit=say("power_cap.limit", watts=listed([quantity(watts, "W") for watts in limits]))
            if limits
            else "",
        )
        yield Remark(text, warning=False)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return listed([*names[:_SHOWN], say("list.more", count=more)]) if more > 0 else listed(names)


def _gravest_first(remark: Remark) -> bool:
    return not remark.warning


_SHOWN_LIMITS = 5
"""Most broken limits that the report lists."""


def gate_remarks(gates: Plain) -> tuple[Remark, ...]:
    """Return a remark with the number of kept limits, or remarks on the broken limits.

    Args:
        gates: `gates.json`.
    """
    return tuple(_remarks(gates["limits"]))


def _remarks(limits: Sequence[Plain]) -> Iterator[Remark]:
    broken = [limit for limit in limits if not limit["kept"]]
    if not broken:
        yield Remark(say("gates.kept", count=len(limits)), warning=False)
        return
    yield Remark(say("gates.broken", count=len(broken), total=len(limits)), warning=True)
    for limit in broken[:_SHOWN_LIMITS]:
        cell = f"{limit['dataset']}, {limit['cell']}"
        yield Remark(f"{_limit(limit)}: {cell}: {_found(limit)}", warning=True)
    if len(broken) > _SHOWN_LIMITS:
        yield Remark(say("gates.more", count=len(broken) - _SHOWN_LIMITS), warning=True)


def _limit(limit: Plain) -> str:
    if limit["baseline"] is None:
        key = "gates.at_most" if limit["kind"] == "max" else "gates.at_least"
        return say(key, metric=limit["metric"], bound=_written(limit["bound"], limit["unit"]))
    key = "gates.above" if limit["kind"] == "increase" else "gates.below"
    bound = f"{limit['bound']:g} %"
    return say(key, metric=limit["metric"], bound=bound, baseline=limit["baseline"])


def _found(limit: Plain) -> str:
    if limit["why_not"]:
        return str(limit["why_not"])
    value = _written(limit["value"], limit["unit"])
    if limit["difference"] is None:
        return value
    start = limit["base"]

    def format_share(difference: float) -> str:
        return signed_percent(difference / abs(start)) if start else number(difference)

    ends = (
        ""
        if limit["low"] is None
        else f" [{format_share(limit['low'])}, {format_share(limit['high'])}]"
    )
    return f"{value}, {format_share(limit['difference'])}{ends}"


def _written(value: float, unit: str) -> str:
    return quantity(value, unit) if unit else number(value)
