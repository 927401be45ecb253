"""Builds the remarks on the study's gates at the top of the report."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vlmeter.reporting.formats import number, quantity, signed_percent
from vlmeter.reporting.language import say
from vlmeter.reporting.remarks import Remark

Plain = Mapping[str, Any]

_SHOWN = 5
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
    for limit in broken[:_SHOWN]:
        cell = f"{limit['dataset']}, {limit['cell']}"
        yield Remark(f"{_limit(limit)}: {cell}: {_found(limit)}", warning=True)
    if len(broken) > _SHOWN:
        yield Remark(say("gates.more", count=len(broken) - _SHOWN), warning=True)


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
