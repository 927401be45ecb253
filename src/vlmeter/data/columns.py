"""The columns of a table, and the fields in them, that a config names."""

from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from vlmeter.errors import UserError, list_names, shorten
from vlmeter.storage.texts import check_distinct, compose

_MOST_COLUMNS = 100_000


class Place(NamedTuple):
    """Where in a table a path leads, all names composed."""

    column: str
    fields: list[str]
    """From the outside in."""


def find_column(path: str, columns: Container[str]) -> Place | None:
    """Return the column that a path begins with, such as `answers` of `answers.answer`.

    A column that itself has dots in its name goes before a field of a shorter one.

    Args:
        path: A column, or a field of one, in whichever form of Unicode.
        columns: The columns that there are, composed.
    """
    parts = compose(path).split(".")
    for end in range(len(parts), 0, -1):
        column = ".".join(parts[:end])
        if column in columns:
            return Place(column, parts[end:])
    return None


def index_columns(table: str, names: Iterable[str]) -> dict[str, str]:
    """Return the columns of a table as it writes them, by their composed names.

    Raises:
        UserError: two differ in their form alone.
    """
    names = list(names)
    check_distinct(names, table)
    return {compose(name): name for name in names}


def find_columns(table: str, paths: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return the columns of a table that are read, as it writes them.

    Args:
        table: Path of the table.
        paths: What is wanted: columns, and fields of columns, as `answers.answer`.
        present: The columns that the table has.

    Raises:
        UserError: a column is missing, two differ in their form alone, or there are too many.
    """
    if len(present) > _MOST_COLUMNS:
        raise UserError(
            f"{table} has {len(present)} columns, more than {_MOST_COLUMNS}: it is no table of "
            "samples with a row for each."
        )
    names = index_columns(table, present)
    places = {path: find_column(path, names) for path in paths}
    missing = next((path for path, place in places.items() if place is None), None)
    if missing is not None:
        raise UserError(
            f'{table} has no column "{shorten(missing)}"; it has: {list_names(present)}. '
            "Correct datasets.*.columns."
        )
    return sorted({names[place.column] for place in places.values() if place is not None})


def missing_field(table: str, path: str, present: Sequence[str]) -> UserError:
    """Return the refusal of a path whose last part is no field of its column."""
    return UserError(
        f'{table} has no field "{shorten(path)}"; there are: {list_names(present)}. '
        "Correct datasets.*.columns."
    )
