"""A table of texts, and how one is put together column by column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.reporting.formats import DASH


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Columns that are set flush right."""
    statuses: frozenset[int] = frozenset()
    """Columns that hold the statuses of cells, by the names of `Status`."""


class TextColumn(NamedTuple):
    """A column on its way into a table."""

    heading: str
    cells: Sequence[str]
    numeric: bool = False
    status: bool = False


def table_of(columns: Sequence[TextColumn]) -> Table:
    """Return columns of equal length as a table."""
    return Table(
        headings=tuple(column.heading for column in columns),
        rows=tuple(zip(*(column.cells for column in columns), strict=True)),
        numeric=frozenset(place for place, column in enumerate(columns) if column.numeric),
        statuses=frozenset(place for place, column in enumerate(columns) if column.status),
    )


def filled(columns: Iterable[TextColumn]) -> list[TextColumn]:
    """Return the columns that have something to say."""
    return [column for column in columns if any(cell not in ("", DASH) for cell in column.cells)]
