"""A section of hundreds of settings in short: tables and a figure that can still be read."""

from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest
from typing import Any

from vlmeter.reporting.decision import sample_time
from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import say

Plain = Mapping[str, Any]
Setting = tuple[object, ...]
"""The values of the varied axes."""

MOST_SETTINGS = 20
"""Settings of a section that are told one by one."""


def shortened(section: Plain, summary: Mapping[tuple[str, str], Row]) -> Plain:
    """Return a section's outline with no more settings than can be told one by one.

    Of more, the first is kept, which the others are compared with, and those that take the least
    time per sample, on each data set in turn. Their order stays.

    Args:
        section: The section's outline.
        summary: The rows of `summary.csv` by data set and cell.
    """
    settings = _settings(section)
    if len(settings) <= MOST_SETTINGS:
        return section
    fastest = (_fastest(section, dataset, summary) for dataset in section["datasets"])
    in_turn = (one for one in chain(*zip_longest(*fastest)) if one is not None)
    kept = set(list(dict.fromkeys([next(iter(settings)), *in_turn, *settings]))[:MOST_SETTINGS])
    return {**section, "cells": [one for one in section["cells"] if _setting(one) in kept]}


def left_out(section: Plain, shown: Plain) -> str | None:
    """Say which settings `shortened` kept; None where it kept all."""
    counts = [len(_settings(one)) for one in (section, shown)]
    if counts[0] == counts[1]:
        return None
    return say("section.left_out", count=counts[0], shown=counts[1])


def _settings(section: Plain) -> dict[Setting, None]:
    return dict.fromkeys(map(_setting, section["cells"]))


def _setting(entry: Plain) -> Setting:
    return tuple(entry["values"].values())


def _fastest(
    section: Plain, dataset: str, summary: Mapping[tuple[str, str], Row]
) -> Iterator[Setting]:
    """Yield the settings that were measured on a data set, those of the least time first."""
    times = {}
    for entry in section["cells"]:
        row = summary.get((dataset, entry["cell"])) if entry["dataset"] == dataset else None
        found = None if row is None else sample_time(row)
        if found is not None:
            times[_setting(entry)] = found.value
    yield from sorted(times, key=times.__getitem__)
