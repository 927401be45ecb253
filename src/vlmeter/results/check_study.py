"""Ends a study: a cell with a bug, or a gate that is broken, makes the run fail."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.errors import UserError
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.gates import Cause, Judgement, LimitKind, Obstacle, Verdict
from vlmeter.results.numbers import (
    format_figure,
    format_interval,
    format_signed,
    format_signed_percent,
)
from vlmeter.results.tables import read_summary
from vlmeter.status import Status
from vlmeter.storage.files import read_json, write_json
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class _Ending:
    """How a cell or a layer profile ended."""

    status: str
    reason: str | None = None


def check_study(
    summary: Path, layer_records: Sequence[Path], check: Path, gates: Path | None = None
) -> None:
    """Write `check`, a count of the cells by status, unless one is a bug or breaks a gate.

    Args:
        summary: The table of all cells; their records lie below `cells` beside it.
        layer_records: What the layer profiles left.
        check: Path to write to.
        gates: `gates.json`, where the study has gates.

    Raises:
        UserError: naming every cell that ended in an error, and every limit that is broken; the
            report is written by then.
    """
    folder = StudyFolder(summary.parent)
    endings = {
        folder.cell(key).record: _Ending(row.status, row.reason)
        for key, row in read_summary(summary).items()
    }
    endings |= {path: from_plain(_Ending, read_json(path), path) for path in layer_records}
    judgement = None if gates is None else from_plain(Judgement, read_json(gates), gates)
    problems = [*_list_errors(endings), *(_list_broken(judgement, gates) if judgement else ())]
    if problems:
        raise UserError("\n".join(problems))
    statuses = [ending.status for ending in endings.values()]
    counts = {status.value: statuses.count(status.value) for status in Status}
    limits = {"gates": {"kept": judgement.kept, "broken": 0}} if judgement else {}
    write_json(check, {"cells": len(endings), "by_status": counts, **limits})


def _list_errors(endings: Mapping[Path, _Ending]) -> Iterator[str]:
    errors = [
        f"{path}: {ending.reason}"
        for path, ending in endings.items()
        if ending.status == Status.ERROR
    ]
    if errors:
        yield (
            f"{len(errors)} of {len(endings)} cells ended in an error; the report is written, and "
            "each record holds its traceback. A cell is tried again up to measure.max_attempts "
            "times; to force one, give --forcerun its measurement.json."
        )
        yield from errors


def _list_broken(judgement: Judgement, gates: Path | None) -> Iterator[str]:
    broken = judgement.list_broken()
    if broken:
        verb = "is" if len(broken) == 1 else "are"
        yield (
            f"{len(broken)} of {len(judgement.limits)} limits {verb} broken; the report is "
            f"written, and {gates} holds every figure."
        )
        rows = [
            [describe_limit(verdict), verdict.dataset, verdict.cell, describe_finding(verdict)]
            for verdict in broken
        ]
        yield from _align([["limit", "data set", "cell", "found"], *rows])


def describe_limit(verdict: Verdict) -> str:
    """Return what a gate asks, in words for a terminal."""
    if verdict.kind.is_relative:
        side = "above" if verdict.kind is LimitKind.INCREASE else "below"
        return f"{verdict.metric} at most {verdict.bound:g} % {side} {verdict.baseline}"
    word = "at most" if verdict.kind is LimitKind.MAX else "at least"
    return f"{verdict.metric} {word} {format_figure(verdict.bound, verdict.unit)}"


def describe_finding(verdict: Verdict) -> str:
    """Return the figure that keeps or breaks a limit, or why there is none, for a terminal."""
    if verdict.obstacle is not None:
        return _describe_obstacle(verdict.obstacle)
    figure = format_figure(verdict.value, verdict.unit)
    if verdict.difference is None:
        return figure
    difference = Difference(verdict.difference, verdict.low, verdict.high)
    format_value: Callable[[float], str] = format_signed
    if verdict.base:
        difference = difference.as_share_of(abs(verdict.base))
        format_value = format_signed_percent
    ends = format_interval(difference.low, difference.high, format_value) or "no interval"
    return f"{figure}, {format_value(difference.estimate)} {ends}"


def _describe_obstacle(obstacle: Obstacle) -> str:
    if obstacle.cause is Cause.BASELINE_UNREADABLE:
        return obstacle.reason
    if obstacle.cause is Cause.BASELINE_LACKS_CELL:
        return "the baseline has no such cell"
    words = "not measured"
    if obstacle.status is not None:
        words = f"{words}: {obstacle.status.replace('_', ' ')}"
    if obstacle.reason:
        # A recorded reason may itself say that nothing was measured.
        words = f"{words}: {obstacle.reason.removeprefix(f'{words}: ')}"
    if obstacle.cause is Cause.BASELINE_NOT_MEASURED:
        return f"of the baseline: {words}"
    return words


def _align(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
