"""What the report says at its top about the study's gates."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vlmeter.reporting.formats import number, quantity, signed_percent
from vlmeter.reporting.language import say
from vlmeter.reporting.remarks import Remark

Plain = Mapping[str, Any]

_SHOWN = 5
"""Broken limits that are told one by one."""


def gate_remarks(gates: Plain) -> tuple[Remark, ...]:
    """Return how many limits are kept, or which are broken.

    Args:
        gates: `gates.json`.
    """
    return tuple(_remarks(gates["limits"]))


def _remarks(limits: Sequence[Plain]) -> Iterator[Remark]:
    broken = [one for one in limits if not one["kept"]]
    if not broken:
        yield Remark(say("gates.kept", count=len(limits)), warning=False)
        return
    yield Remark(say("gates.broken", count=len(broken), total=len(limits)), warning=True)
    for one in broken[:_SHOWN]:
        cell = f"{one['dataset']}, {one['cell']}"
        yield Remark(f"{_limit(one)}: {cell}: {_found(one)}", warning=True)
    if len(broken) > _SHOWN:
        yield Remark(say("gates.more", count=len(broken) - _SHOWN), warning=True)


def _limit(one: Plain) -> str:
    if one["baseline"] is None:
        key = "gates.at_most" if one["kind"] == "max" else "gates.at_least"
        return say(key, metric=one["metric"], bound=_written(one["bound"], one["unit"]))
    key = "gates.above" if one["kind"] == "increase" else "gates.below"
    bound = f"{one['bound']:g} %"
    return say(key, metric=one["metric"], bound=bound, baseline=one["baseline"])


def _found(one: Plain) -> str:
    if one["why_not"]:
        return str(one["why_not"])
    value = _written(one["value"], one["unit"])
    if one["difference"] is None:
        return value
    start = one["base"]

    def share(difference: float) -> str:
        return signed_percent(difference / abs(start)) if start else number(difference)

    ends = "" if one["low"] is None else f" [{share(one['low'])}, {share(one['high'])}]"
    return f"{value}, {share(one['difference'])}{ends}"


def _written(value: float, unit: str) -> str:
    return quantity(value, unit) if unit else number(value)
