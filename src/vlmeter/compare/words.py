"""What the parts of a comparison have in common: names of settings, and tables that fit a page."""

from collections.abc import Sequence

from vlmeter.compare.figures import Comparison
from vlmeter.reporting.formats import get_status_label
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_setting
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow

BASE = "A"
"""The letter of the base."""
_MOST_BESIDE = 5
"""Most studies that have a column in one table: with the base and what names a row it has eight."""


def name_dataset(outline: Outline, dataset: str) -> str:
    """Return a data set's label."""
    return outline.labels.datasets.get(dataset, dataset)


def name_setting(outline: Outline, row: SummaryRow) -> str:
    """Return a setting in words, by what differs from the base config of an outline."""
    setting = format_setting(row, outline.base)
    if list(outline.models) == [row.model]:
        return setting
    return f"{outline.labels.models.get(row.model, row.model)} · {setting}"


def format_status(row: SummaryRow | None) -> str:
    """Return how a setting ended, with its reason."""
    if row is None:
        return say("status.no_record")
    status = get_status_label(row.status)
    return f"{status}: {translate(row.reason)}" if row.reason else status


def divide_by_table(others: Sequence[Comparison]) -> list[Sequence[Comparison]]:
    """Return the studies that share a table: all of them, or each alone where they are many."""
    if len(others) <= _MOST_BESIDE:
        return [others]
    return [[comparison] for comparison in others]
