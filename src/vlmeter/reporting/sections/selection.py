"""Shortens a section with hundreds of settings, so that its tables and figure stay readable."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, zip_longest

from vlmeter.reporting.language import say
from vlmeter.results.outline import PlacedCell, SectionGrid
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey

Setting = tuple[str | int, ...]
"""The values of the varied axes."""

MOST_SETTINGS = 20
"""Most settings of a section that the report lists."""
_LEAST_SETTINGS = 5
_OF_ALL_SECTIONS = 60
"""Settings for which a page has room, which long sections share."""


def share_settings(sections: int) -> int:
    """Return how many settings each of a study's sections may list."""
    return max(_LEAST_SETTINGS, min(MOST_SETTINGS, _OF_ALL_SECTIONS // max(1, sections)))


def shorten_section(
    section: SectionGrid, summary: Mapping[CellKey, SummaryRow], most: int
) -> SectionGrid:
    """Return a section's outline with at most `most` settings.

    Of more settings, the first is kept, with which the others are compared, and those that take
    the least time per sample, on each data set in turn. The order stays.

    Args:
        section: The section's outline.
        summary: The rows of `summary.csv` by data set and cell.
        most: The section's share, by `share_settings`.
    """
    settings = _list_settings(section)
    if len(settings) <= most:
        return section
    fastest = (_list_fastest(section, dataset, summary) for dataset in section.datasets)
    in_turn = (setting for setting in chain(*zip_longest(*fastest)) if setting is not None)
    kept = set(list(dict.fromkeys([next(iter(settings)), *in_turn, *settings]))[:most])
    cells = tuple(entry for entry in section.cells if _get_setting(entry) in kept)
    return replace(section, cells=cells)


def describe_left_out(section: SectionGrid, shown: SectionGrid) -> str | None:
    """Say which settings `shorten_section` kept; None where it kept all."""
    counts = [len(_list_settings(grid)) for grid in (section, shown)]
    if counts[0] == counts[1]:
        return None
    return say("section.left_out", count=counts[0], shown=counts[1])


def _list_settings(section: SectionGrid) -> dict[Setting, None]:
    return dict.fromkeys(map(_get_setting, section.cells))


def _get_setting(entry: PlacedCell) -> Setting:
    return tuple(entry.values.values())


def _list_fastest(
    section: SectionGrid, dataset: str, summary: Mapping[CellKey, SummaryRow]
) -> Iterator[Setting]:
    """Yield the settings that were measured on a data set, the fastest first."""
    times: dict[Setting, float] = {}
    for entry in section.cells:
        row = summary.get(entry.key) if entry.dataset == dataset else None
        if row is not None and row.latency is not None and row.latency > 0:
            times[_get_setting(entry)] = row.latency / row.batch_size
    yield from sorted(times, key=times.__getitem__)
