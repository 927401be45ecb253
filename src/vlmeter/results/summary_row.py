"""A row of `summary.csv`: a cell's record, flat."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from vlmeter.results.columns import list_columns, restore_row
from vlmeter.results.record import Record
from vlmeter.results.summary_conditions import ConditionColumns
from vlmeter.results.summary_fields import READ


@dataclass(frozen=True, kw_only=True)
class SummaryRow(ConditionColumns):
    """A cell. Each column is a field, beside what it shows of a record; the bases are its groups.

    None stands where the table has no value.
    """


SUMMARY_COLUMNS = list_columns(SummaryRow)
"""The columns, in this order in every study."""


def build_summary_row(record: Record) -> SummaryRow:
    """Return a record's row of the summary."""
    return restore_row(SummaryRow, {name: read(record) for name, read in _list_readers()})


@cache
def _list_readers() -> list[tuple[str, Callable[[Record], Any]]]:
    """Return what reads each column from a record; the axes are fields of its cell."""
    return [
        (entry.name, entry.metadata.get(READ) or _make_axis_reader(entry.name))
        for entry in fields(SummaryRow)
    ]


def _make_axis_reader(axis: str) -> Callable[[Record], Any]:
    return lambda record: getattr(record.cell, axis)
