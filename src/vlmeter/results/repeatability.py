"""Cells that repeat a computation: what differs between their costs is what chance alone does.

A study measures some computations more than once without meaning to: image sizes that the
processor resizes to one, input lengths that no text reaches. Each is a process of its own, so
together they tell how well a measurement repeats, and every comparison can be held against that.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from vlmeter.axes import AXES
from vlmeter.metrics.uncertainty import Repeatability, difference_of_rounds, repeatability
from vlmeter.status import Status

Plain = Mapping[str, Any]

SAME_COMPUTATION = ("dataset", *(axis.name for axis in AXES if not axis.acts_through_input))
"""What cells share that compute the same, beside the shapes and tokens that they are fed."""

COSTS = {"latency": ("latency_detail", "rounds_s"), "energy": ("energy_detail", "rounds_j")}
"""Where a cost's rounds stand in a record."""


def rounds_of(record: Plain, cost: str) -> list[float] | None:
    """Return a cost's rounds; None where the cell has no such figure."""
    block, key = COSTS[cost]
    detail = record.get(block)
    rounds = detail.get(key) if isinstance(detail, dict) else None
    if record.get(cost) is None or not isinstance(rounds, list) or not rounds:
        return None
    known = [one for one in rounds if isinstance(one, int | float) and one > 0]
    return known if len(known) == len(rounds) else None


def describe_repeats(records: Iterable[Plain]) -> dict[str, dict[str, Plain]]:
    """Return how well costs repeat, by cost and device, as plain data for `repeatability.json`.

    Each entry has the repeatability standard deviation (`deviation`, a share), its degrees of
    freedom (`freedom`), the cells and computations behind it, and a check of the whole procedure:
    of the `pairs` of cells that compute the same, how many (`false_differences`) it would call
    different.
    """
    groups = _groups(records)
    told: dict[str, dict[str, Plain]] = {}
    for cost in COSTS:
        by_device: dict[str, list[list[list[float]]]] = {}
        for group in groups:
            rounds = [found for record in group if (found := rounds_of(record, cost))]
            if len(rounds) > 1:
                by_device.setdefault(str(group[0]["cell"]["device"]), []).append(rounds)
        told[cost] = {device: _described(known) for device, known in by_device.items()}
    return told


def repeatability_of(described: Plain, cost: str, device: str) -> Repeatability | None:
    """Return an entry of `describe_repeats`; None where that cost was not repeated there."""
    entry = (described.get(cost) or {}).get(device)
    return None if entry is None else Repeatability(entry["deviation"], entry["freedom"])


def _groups(records: Iterable[Plain]) -> list[list[Plain]]:
    groups: dict[tuple[object, ...], list[Plain]] = {}
    for record in records:
        digest = (record.get("input") or {}).get("shape_digest")
        if record.get("status") == Status.OK and digest:
            key = (digest, *(record["cell"].get(axis) for axis in SAME_COMPUTATION))
            groups.setdefault(key, []).append(record)
    return [group for group in groups.values() if len(group) > 1]


def _described(groups: Sequence[Sequence[Sequence[float]]]) -> Plain:
    known = repeatability([[fmean(rounds) for rounds in group] for group in groups])
    assert known is not None, "only computations that were repeated are described"
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    differ = sum(difference_of_rounds(*pair, repeats=(known, known)).significant for pair in pairs)
    return {
        "deviation": known.deviation,
        "freedom": known.freedom,
        "cells": sum(len(group) for group in groups),
        "computations": len(groups),
        "pairs": len(pairs),
        "false_differences": differ,
    }
