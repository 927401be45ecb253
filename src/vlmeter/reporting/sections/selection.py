"""Shortens a section with hundreds of settings, so that its tables and figure stay readable."""

from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest
from typing import Any

from vlmeter.reporting.decision import get_sample_time
from vlmeter.reporting.language import say
from vlmeter.results.tables import Row

Plain = Mapping[str, Any]
Setting = tuple[object, ...]
"""The values of the varied axes."""

MOST_SETTINGS = 20
"""Most settings of a section that the report lists."""


def shortened(section: Plain, summary: Mapping[tuple[str, str], Row]) -> Plain:
    """Return a section's outline with at most `MOST_SETTINGS` settings.

    Of more settings, the first is kept, with which the others are compared, and those that take
    the least time per sample, on each data set in turn. The order stays.

    Args:
        section: The section's outline.
        summary: The rows of `summary.csv` by data set and cell.
    """
    settings = _settings(section)
    if len(settings) <= MOST_SETTINGS:
        return section
    fastest = (_fastest(section, dataset, summary) for dataset in section["datasets"])
    in_turn = (setting for setting in chain(*zip_longest(*fastest)) if setting is not None)
    kept = set(list(dict.fromkeys([next(iter(settings)), *in_turn, *settings]))[:MOST_SETTINGS])
    return {**section, "cells": [entry for entry in section["cells"] if _setting(entry) in kept]}


def left_out(section: Plain, shown: Plain) -> str | None:
    """Say which settings `shortened` kept; None where it kept all."""
    counts = [len(_settings(outline)) for outline in (section, shown)]
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
    """Yield the settings that were measured on a data set, the fastest first."""
    times = {}
    for entry in section["cells"]:
        row = summary.get((dataset, entry["cell"])) if entry["dataset"] == dataset else None
        seconds = None if row is None else get_sample_time(row)
        if seconds is not None:
            times[_setting(entry)] = seconds.value
    yield from sorted(times, key=times.__getitem__)
