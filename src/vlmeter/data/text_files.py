"""Tables of text: CSV, TSV and JSONL."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from vlmeter.data.parquet_files import Cells, Files, Row, check_columns
from vlmeter.errors import UserError

CSV_SUFFIXES = (".csv", ".tsv")
TEXT_SUFFIXES = (*CSV_SUFFIXES, ".jsonl", ".ndjson")
_MAX_CELL_CHARS = 1 << 24


def is_text_table(path: str) -> bool:
    """Say whether a file is a table of text, by its name."""
    return path.lower().endswith(TEXT_SUFFIXES)


def holds_only_text(path: str) -> bool:
    """Say whether every cell of a table is a text, so that lists are written as JSON."""
    return path.lower().endswith(CSV_SUFFIXES)


def describe_text_table(path: Path) -> tuple[list[str], int]:
    """Read a table once; return the names of its columns and its number of rows.

    Empty lines are no rows.

    Raises:
        UserError: the file is not of the format that its name says; the message names the line.
    """
    columns: dict[str, None] = {}
    count = 0
    for row in _read_rows(path):
        columns |= dict.fromkeys(row)
        count += 1
    return list(columns or _read_header(path)), count


def read_text_table(path: Path, columns: Sequence[str]) -> Iterator[Cells]:
    """Yield the rows of a table; a column that a row of a JSONL lacks is None.

    Raises:
        UserError: the file is not of the format that its name says; the message names the line.
    """
    for row in _read_rows(path):
        yield {name: row.get(name) for name in columns}


def _read_rows(path: Path) -> Iterator[Cells]:
    if not holds_only_text(str(path)):
        yield from _read_jsonl(path)
        return
    columns = _read_header(path)
    cells = _read_csv(path)
    next(cells)
    for row in cells:
        yield dict(zip(columns, row, strict=True))


def _read_header(path: Path) -> list[str]:
    """Return the columns that the first line of a table names; a JSONL has no such line."""
    if not holds_only_text(str(path)):
        return []
    header = next(_read_csv(path), None)
    if header is None:
        raise UserError(f"{path} is empty: its first line names the columns.")
    return _check_header(path, [cell.strip() for cell in header])


@contextmanager
def _open_text(path: Path, newline: str) -> Iterator[TextIO]:
    try:
        # `utf-8-sig` drops a byte order mark, which would become part of the first column's name.
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            yield file
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UserError(
            f"{path} is not UTF-8 in line {_find_undecodable_line(path)}: save it as UTF-8."
        ) from None


def _find_undecodable_line(path: Path) -> int:
    """Return the number of the first line that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    raise AssertionError("the file was not UTF-8 a moment ago")


def _read_csv(path: Path) -> Iterator[list[str]]:
    """Yield the cells of each line of a CSV, the header first."""
    csv.field_size_limit(_MAX_CELL_CHARS)
    with _open_text(path, newline="") as file:
        header = next((line for line in file if line.strip()), "")
    with _open_text(path, newline="") as file:
        reader = csv.reader(file, delimiter=_detect_separator(path, header), strict=True)
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


def _detect_separator(path: Path, header: str) -> str:
    """Return the character between the cells of a line.

    Spreadsheets write semicolons in countries where a comma is the decimal mark.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    return ";" if ";" in header and "," not in header else ","


def _check_header(path: Path, columns: list[str]) -> list[str]:
    repeated = [name for name in columns if columns.count(name) > 1]
    if repeated:
        raise UserError(f'{path}: two columns have the name "{repeated[0]}".')
    return columns


def _read_jsonl(path: Path) -> Iterator[Cells]:
    # Only "\n" ends a line: JSON may hold U+2028 and similar characters unescaped.
    with _open_text(path, newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, object_pairs_hook=_build_object)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{path}: line {number} is no JSON ({error}).") from None
            if not isinstance(row, dict):
                raise UserError(f"{path}: line {number} is no JSON object, {{...}}.")
            yield row


def _build_object(pairs: list[tuple[str, Any]]) -> Cells:
    """Return a JSON object as a dict; unlike `json`, refuse a repeated key."""
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'the key "{name}" stands twice')
    return dict(pairs)


@dataclass(frozen=True)
class TextTable:
    """A table of text, which is read from its beginning."""

    path: str
    rows: int
    first_row: int
    compressed_bytes: None = None

    def read(self, files: Files, columns: list[str], positions: list[int]) -> Iterator[Row]:
        """Yield the rows at these ascending positions; the table is on disk."""
        del files
        remaining = iter(positions)
        position = next(remaining, None)
        for number, values in enumerate(read_text_table(Path(self.path), columns)):
            if position is None:
                return
            if number == position:
                yield Row(self.first_row + number, values, self.path)
                position = next(remaining, None)


def list_text_groups(
    files: Files, path: str, columns: list[str], first_row: int
) -> Iterator[TextTable]:
    """Yield the one group of rows that a table of text is."""
    del files
    names, rows = describe_text_table(Path(path))
    check_columns(path, columns, names)
    yield TextTable(path, rows, first_row)
