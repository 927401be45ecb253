"""Says whether the machine drifted between the first and the last measurement of the base cell."""

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from vlmeter.metrics.cost_difference import compare_rounds
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.remark import Remark
from vlmeter.results.numbers import format_interval, format_quantity, format_signed_percent
from vlmeter.results.repeatability import Repeats
from vlmeter.status import Status
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_plain

_PLAIN_CHANGE = 0.2
"""A change of latency that nobody would call none, whatever the noise."""


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
