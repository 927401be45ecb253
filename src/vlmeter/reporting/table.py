"""Tables of texts, built column by column."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vlmeter.results.numbers import DASH


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Indices of columns that are aligned right."""
    statuses: frozenset[int] = frozenset()
    """Indices of columns that hold statuses of cells, as values of `Status`."""


class TextColumn(NamedTuple):
    """A column from which a table is built."""

    heading: str
    cells: Sequence[str]
    numeric: bool = False
    status: bool = False


def build_table(columns: Sequence[TextColumn]) -> Table:
    """Build a table from columns of equal length."""
    return Table(
        headings=tuple(column.heading for column in columns),
        rows=tuple(zip(*(column.cells for column in columns), strict=True)),
        numeric=frozenset(place for place, column in enumerate(columns) if column.numeric),
        statuses=frozenset(place for place, column in enumerate(columns) if column.status),
    )


def drop_empty_columns(columns: Iterable[TextColumn]) -> list[TextColumn]:
    """Return the columns with a cell that is neither empty nor a dash."""
    return [column for column in columns if any(cell not in ("", DASH) for cell in column.cells)]
