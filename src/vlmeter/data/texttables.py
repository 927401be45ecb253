"""Tables that people write by hand: CSV, TSV and JSONL."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def read_text_table(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Read a table whole.

    Lines without anything in them are no rows.

    Returns:
        The columns' names, and the rows; a cell that a JSONL row does not name is None.

    Raises:
        UserError: the file is not what its name says; the line is named.
    """
    try:
        # A byte order mark is no part of the first column's name.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UserError(f"{path} is not UTF-8 in line {line}: save it as UTF-8.") from None
    if holds_text_alone(str(path)):
        return _csv(path, text)
    return _jsonl(path, text)


def _csv(path: Path, text: str) -> tuple[list[str], list[dict[str, Any]]]:
    csv.field_size_limit(_LONGEST_CELL)
    separator = _separator(path, text.lstrip().split("\n", maxsplit=1)[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _checked(path, [cell.strip() for cell in cells])
            elif len(cells) != len(columns):
                raise UserError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells, the header "
                    f"{len(columns)}; a cell that holds the separator, a quote or a line break "
                    'stands in quotes, "like ""this""".'
                )
            else:
                rows.append(cells)
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num} is no CSV: {error}.") from None
    if columns is None:
        raise UserError(f"{path} is empty: its first line names the columns.")
    return columns, [dict(zip(columns, cells, strict=True)) for cells in rows]


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


def _jsonl(path: Path, text: str) -> tuple[list[str], list[dict[str, Any]]]:
    rows = list(_objects(path, text))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [{name: row.get(name) for name in columns} for row in rows]


def _objects(path: Path, text: str) -> Iterator[dict[str, Any]]:
    # Not splitlines: JSON may hold U+2028 and its kin as they are.
    for number, line in enumerate(text.split("\n"), start=1):
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
