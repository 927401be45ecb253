"""The columns of a table, and the fields in them, that a config names."""

from collections.abc import Container, Sequence

from vlmeter.errors import UserError, shorten

_MOST_COLUMNS = 100_000
_SHOWN_NAMES = 12


def find_column(path: str, columns: Container[str]) -> str | None:
    """Return the column that a path begins with, such as `answers` of `answers.answer`.

    A column that itself has dots in its name goes before a field of a shorter one.
    """
    parts = path.split(".")
    names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((name for name in names if name in columns), None)


def list_fields(path: str, column: str) -> list[str]:
    """Return the fields that a path names within its column, from the outside in."""
    return path[len(column) + 1 :].split(".") if path != column else []


def find_columns(table: str, paths: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return the columns of a table that are read.

    Args:
        table: Path of the table.
        paths: What is wanted: columns, and fields of columns, as `answers.answer`.
        present: The columns that the table has.

    Raises:
        UserError: a column is missing, or the table has too many.
    """
    if len(present) > _MOST_COLUMNS:
        raise UserError(
            f"{table} has {len(present)} columns, more than {_MOST_COLUMNS}: it is no table of "
            "samples with a row for each."
        )
    names = dict.fromkeys(present)
    columns = {path: find_column(path, names) for path in paths}
    missing = next((path for path, column in columns.items() if column is None), None)
    if missing is not None:
        raise UserError(
            f'{table} has no column "{shorten(missing)}"; it has: {list_names(present)}. '
            "Correct datasets.*.columns."
        )
    return sorted({column for column in columns.values() if column is not None})


def list_names(names: Sequence[str]) -> str:
    """Join the names of columns or fields for a sentence, the first of them."""
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(shorten(name, 20) for name in names[:_SHOWN_NAMES]) + more


def missing_field(table: str, path: str, present: Sequence[str]) -> UserError:
    """Return the refusal of a path whose last part is no field of its column."""
    return UserError(
        f'{table} has no field "{shorten(path)}"; there are: {list_names(present)}. '
        "Correct datasets.*.columns."
    )
