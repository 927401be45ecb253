"""Tables that people write by hand: CSV, TSV and JSONL."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from vlmeter.errors import UserError

CSV_KINDS = (".csv", ".tsv")
TEXT_TABLES = (*CSV_KINDS, ".jsonl", ".ndjson")
_LONGEST_CELL = 1 << 24


def is_text_table(path: str) -> bool:
    """Say whether a file is such a table, by its name."""
    return path.lower().endswith(TEXT_TABLES)


def holds_text_alone(path: str) -> bool:
    """Say whether every cell of a table is a text, so that a list is a text in JSON."""
    return path.lower().endswith(CSV_KINDS)


def describe_text_table(path: Path) -> tuple[list[str], int]:
    """Go through a table once, and return its columns' names and how many rows it has.

    Lines without anything in them are no rows.

    Raises:
        UserError: the file is not what its name says; the line is named.
    """
    columns: dict[str, None] = {}
    count = 0
    for row in _rows(path):
        columns |= dict.fromkeys(row)
        count += 1
    return list(columns or _header(path)), count


def text_table_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table; a cell that a JSONL row does not name is None.

    Raises:
        UserError: the file is not what its name says; the line is named.
    """
    for row in _rows(path):
        yield {name: row.get(name) for name in columns}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not holds_text_alone(str(path)):
        yield from _objects(path)
        return
    columns = _header(path)
    cells = _csv_rows(path)
    next(cells)
    for row in cells:
        yield dict(zip(columns, row, strict=True))


def _header(path: Path) -> list[str]:
    """Return the columns that a table names before its rows; a JSONL names none."""
    if not holds_text_alone(str(path)):
        return []
    header = next(_csv_rows(path), None)
    if header is None:
        raise UserError(f"{path} is empty: its first line names the columns.")
    return _checked(path, [cell.strip() for cell in header])


@contextmanager
def _opened(path: Path, newline: str) -> Iterator[TextIO]:
    try:
        # A byte order mark is no part of the first column's name.
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            yield file
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UserError(
            f"{path} is not UTF-8 in line {_undecodable(path)}: save it as UTF-8."
        ) from None


def _undecodable(path: Path) -> int:
    """Return the number of the first line that is no UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    raise AssertionError("the file was not UTF-8 a moment ago")


def _csv_rows(path: Path) -> Iterator[list[str]]:
    """Yield the lines of a CSV as cells, the header first."""
    csv.field_size_limit(_LONGEST_CELL)
    with _opened(path, newline="") as file:
        first = next((line for line in file if line.strip()), "")
    with _opened(path, newline="") as file:
        reader = csv.reader(file, delimiter=_separator(path, first), strict=True)
        width: int | None = None
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                width = len(cells) if width is None else width
                if len(cells) != width:
                    raise UserError(
                        f"{path}: line {reader.line_num} has {len(cells)} cells, the header "
                        f"{width}; a cell that holds the separator, a quote or a line break "
                        'stands in quotes, "like ""this""".'
                    )
                yield cells
        except csv.Error as error:
            raise UserError(f"{path}: line {reader.line_num} is no CSV: {error}.") from None


def _separator(path: Path, header: str) -> str:
    """Return what stands between cells.

    Where a comma is the decimal mark, spreadsheets write semicolons.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    return ";" if ";" in header and "," not in header else ","


def _checked(path: Path, columns: list[str]) -> list[str]:
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise UserError(f'{path}: two columns have the name "{twice[0]}".')
    return columns


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    # Only "\n" ends a line: JSON may hold U+2028 and its kin as they are.
    with _opened(path, newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line, object_pairs_hook=_without_repeats)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}: line {number} is no JSON ({error}).") from None
            if not isinstance(value, dict):
                raise UserError(f"{path}: line {number} is no JSON object, {{...}}.")
            yield value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'the key "{name}" stands twice')
    return dict(pairs)
