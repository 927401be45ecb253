"""Renders each table of the study as a page of its own, since Snakemake's report opens no CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.reporting.figures.theme import shorten
from vlmeter.reporting.language import say
from vlmeter.results.columns import Column, list_columns
from vlmeter.results.numbers import format_number

MOST_ROWS = 500
"""Most rows of a page: the CSV has all."""
_LONGEST_TEXT = 120


@dataclass(frozen=True)
class TablePage:
    """A table as its page shows it."""

    title: str
    csv: str
    """Name of the file with all rows and columns."""
    columns: tuple[Column, ...]
    """Those whose values differ between the rows."""
    rows: tuple[tuple[str, ...], ...]
    left_out: int
    """Rows that only the CSV has."""
    shared: tuple[tuple[Column, str], ...]
    """The columns that hold one value in all rows, with that value."""


def build_table_page(
    name: str, csv: Path, row_type: type[object], rows: Sequence[object]
) -> TablePage:
    """Return the page of a table.

    Args:
        name: Key of its title in the catalogues.
        csv: The table.
        row_type: The dataclass of its rows.
        rows: All of them.
    """
    values = {
        column: [_format(getattr(row, column.name)) for row in rows]
        for column in list_columns(row_type)
    }
    varied = tuple(column for column, texts in values.items() if len(set(texts)) > 1)
    shared = ((column, texts[0]) for column, texts in values.items() if len(set(texts)) == 1)
    shown = [values[column][:MOST_ROWS] for column in varied]
    return TablePage(
        title=say(f"table_page.{name}"),
        csv=csv.name,
        columns=varied,
        rows=tuple(zip(*shown, strict=True)),
        left_out=max(0, len(rows) - MOST_ROWS),
        shared=tuple((column, text) for column, text in shared if text),
    )


def _format(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return format_number(value)
    return shorten(str(value), _LONGEST_TEXT)
