"""What a reader must know before the first figure: doubts about the machine and its records."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from vlmeter.metrics.uncertainty import difference_of_rounds
from vlmeter.record import Status
from vlmeter.repeats import repeatability_of
from vlmeter.reporting.formats import listed, percent, quantity, signed_percent
from vlmeter.reporting.frames import Row

Plain = Mapping[str, Any]

_SHOWN = 3
"""Machines or commits that are named."""
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
            status = str(cell.get("status")).replace("_", " ")
            reason = f": {cell['reason']}" if cell.get("reason") else ""
            return Remark(
                "Whether the machine drifted cannot be told: the base cell's "
                f"{which} measurement has no latency ({status}{reason}).",
                warning=True,
            )
    (first_s, first), (second_s, second) = _latency(base_record), _latency(control)
    known = repeatability_of(repeats, "latency", str(base_record["cell"]["device"]))
    found = difference_of_rounds(second, first, repeats=(known, known) if known else None)
    times = f"{quantity(first_s, 's')} at the beginning, {quantity(second_s, 's')} at the end"
    if found.low is None or found.high is None:
        return Remark(
            f"The base cell was measured again at the end: {times}; one round is too few to tell "
            "whether the machine drifted.",
            warning=False,
        )
    start_s = fmean(first)
    ends = f"{signed_percent(found.low / start_s)}, {signed_percent(found.high / start_s)}"
    change = f"{signed_percent(found.estimate / start_s)} [{ends}]"
    if found.significant:
        return Remark(
            f"The machine drifted: the base cell took {times} ({change}), which is beyond the "
            "noise, so latencies that were measured far apart differ by this much for no "
            "other reason.",
            warning=True,
        )
    return Remark(
        f"No drift of the machine was seen: the base cell took {times} ({change}), which is "
        "within the noise.",
        warning=False,
    )


def _repeating(repeats: Plain) -> Iterator[Remark]:
    """Say how well the same computation repeats, which is what every comparison is held against."""
    by_device = repeats.get("latency") or {}
    for device, entry in by_device.items():
        count, computations = entry["cells"], entry["computations"]
        wrong, pairs = entry["false_differences"], entry["pairs"]
        energy = repeatability_of(repeats, "energy", device)
        also = f", energies by {percent(energy.deviation)}" if energy else ""
        noun = "one computation" if computations == 1 else f"{computations} computations"
        yield Remark(
            f"{count} cells on {device} repeat {noun}, each in a process of its own: their "
            f"latencies vary by {percent(entry['deviation'])} (standard deviation){also}. A "
            f"difference counts only beyond that; of the {pairs} pairs of such cells {wrong} would "
            "be called different.",
            warning=wrong > _false_by_chance(pairs),
        )
    if not by_device:
        yield Remark(
            "No computation was measured in two processes, so differences of cost are held against "
            "the spread of rounds within a process alone, which is too small.",
            warning=False,
        )


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
        yield Remark(
            f"The records come from {len(hosts)} machines ({_some(list(hosts.values()))}): compare "
            "costs within one of them only.",
            warning=True,
        )
    elif hosts and described and described not in hosts:
        yield Remark(
            f"The cells were measured on another machine ({_some(list(hosts.values()))}) than the "
            f"one that is described below ({(machine.get('cpu') or {}).get('name')}).",
            warning=True,
        )
    cards = {_CARD_COUNT.sub("", row["machine_gpus"]) for row in rows if row["machine_gpus"]}
    if len(cards) > 1:
        yield Remark(
            f"The records come from {len(cards)} kinds of GPU ({_some(sorted(cards))}): compare "
            "costs within one of them only.",
            warning=True,
        )
    commits = list(dict.fromkeys(row["git_commit"] for row in rows if row["git_commit"]))
    codes = {row["code_digest"] for row in rows if row["code_digest"]}
    if len(commits) > 1:
        same = "the same" if len(codes) == 1 else "not the same"
        short = [commit[:10] for commit in commits]
        yield Remark(
            f"The records come from {len(commits)} commits ({_some(short)}); the measuring code "
            f"is {same} in all of them.",
            warning=True,
        )
    elif len(codes) > 1:
        yield Remark(
            f"The records come from {len(codes)} versions of the measuring code.", warning=True
        )


def _doubtful(rows: Sequence[Row]) -> Iterator[Remark]:
    measured = [row for row in rows if row["status"] == Status.OK]
    for column, doubt, words in (
        ("disturbed", True, "while other work ran on the machine, which puts the costs in doubt"),
        (
            "latency_steady",
            False,
            "before the times had settled, which puts the latencies in doubt",
        ),
    ):
        count = sum(row[column] is doubt for row in measured)
        if count:
            verb = "was" if count == 1 else "were"
            yield Remark(f"{count} of {len(measured)} cells {verb} measured {words}.", warning=True)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return listed([*names[:_SHOWN], f"{more} more"]) if more > 0 else listed(names)


def _gravest_first(remark: Remark) -> bool:
    return not remark.warning
