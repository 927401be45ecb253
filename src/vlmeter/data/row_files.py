"""Tables that are read row by row: CSV, TSV, JSONL, and formats of other packages."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from vlmeter.data.cells import parse_brackets
from vlmeter.data.columns import find_column, find_columns, missing_field
from vlmeter.data.features import Cells
from vlmeter.data.formats import CSV_SUFFIXES, FORMATS, ROW_SUFFIXES, read_other_rows
from vlmeter.data.json_values import parse_json
from vlmeter.data.parquet_files import Files, Row
from vlmeter.errors import UserError, shorten
from vlmeter.storage.texts import compose, find_name

_MAX_CELL_CHARS = 1 << 24
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_STATED_SEPARATOR = re.compile('"?sep=(.)"?', re.IGNORECASE)
_LOOKED_AT_LINES = 20


def is_row_table(path: str) -> bool:
    """Say whether a file is a table that is read row by row, by its name."""
    return path.lower().endswith(ROW_SUFFIXES)


def holds_only_text(path: str) -> bool:
    """Say whether every cell of a table is a text, so that lists are written as JSON."""
    return path.lower().endswith(CSV_SUFFIXES)


def describe_row_table(path: Path) -> tuple[list[str], int]:
    """Read a table once; return the names of its columns and its number of rows.

    Empty lines are no rows.

    Raises:
        UserError: the file is not of the format that its name says; the message names the line.
    """
    if holds_only_text(str(path)):
        return _read_header(path), sum(1 for _ in _read_csv(path)) - 1
    columns: dict[str, None] = {}
    count = 0
    for row in _read_objects(path):
        columns |= dict.fromkeys(row)
        count += 1
    return list(columns), count


def read_row_table(path: Path, columns: Sequence[str]) -> Iterator[Cells]:
    """Yield the rows of a table; a column that a row of a JSONL lacks is None.

    Raises:
        UserError: the file is not of the format that its name says; the message names the line.
    """
    if not holds_only_text(str(path)):
        for row in _read_objects(path):
            yield {name: row.get(name) for name in columns}
        return
    header = {name: place for place, name in enumerate(_read_header(path))}
    for cells in islice(_read_csv(path), 1, None):
        yield {name: cells[header[name]] for name in columns}


def _read_header(path: Path) -> list[str]:
    """Return the columns that the first line of a table names, composed."""
    header = next(_read_csv(path), None)
    if header is None:
        raise UserError(f"{path} is empty: its first line names the columns.")
    return _check_header(path, [compose(cell.strip()) for cell in header])


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
    separator, lines_before = _find_separator(path)
    with _open_text(path, newline="") as file:
        deque(islice(file, lines_before), maxlen=0)
        reader = csv.reader(file, delimiter=separator, strict=True)
        width: int | None = None
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                width = len(cells) if width is None else width
                if len(cells) != width:
                    raise UserError(
                        f"{path}: line {lines_before + reader.line_num} has {len(cells)} cells, "
                        f"the header {width}, separated by {_SEPARATORS.get(separator, separator)}"
                        "; a cell that holds the separator, a quote or a line break stands in "
                        'quotes, "like ""this""".'
                    )
                yield cells
        except csv.Error as error:
            line = lines_before + reader.line_num
            raise UserError(f"{path}: line {line} is no CSV: {shorten(error)}.") from None


def _find_separator(path: Path) -> tuple[str, int]:
    """Return what separates the cells of a table, and the lines before its header.

    Spreadsheets write semicolons in countries where a comma is the decimal mark; Excel reads and
    writes a first line `sep=;`. Else it is what cuts the header, and the lines after it into as
    many cells; of several the one that makes most cells.
    """
    with _open_text(path, newline="") as file:
        stated = _STATED_SEPARATOR.fullmatch(file.readline().strip("\r\n"))
    if stated is not None:
        return stated[1], 1
    likely = "\t" if path.suffix.lower() == ".tsv" else ","
    separators = sorted(_SEPARATORS, key=lambda each: each != likely)
    widths = {each: _measure_width(path, each) for each in separators}
    best = max(separators, key=lambda each: widths[each])
    return (likely if likely == "\t" and widths[likely] > (False, 1) else best), 0


def _measure_width(path: Path, separator: str) -> tuple[bool, int]:
    """Return whether a separator cuts the first lines alike, and how many cells the header has."""
    with _open_text(path, newline="") as file:
        rows = csv.reader(file, delimiter=separator, strict=True)
        filled = (len(cells) for cells in rows if any(cell.strip() for cell in cells))
        widths: list[int] = []
        with suppress(csv.Error):
            widths.extend(islice(filled, _LOOKED_AT_LINES))
    return len(set(widths)) == 1 and widths[0] > 1, widths[0] if widths else 0


def _check_header(path: Path, columns: list[str]) -> list[str]:
    counts = Counter(columns)
    repeated = next((name for name in columns if counts[name] > 1), None)
    if repeated is not None:
        raise UserError(f'{path}: two columns have the name "{shorten(repeated)}".')
    return columns


def _read_objects(path: Path) -> Iterator[Cells]:
    return read_other_rows(path) if path.suffix.lower() in FORMATS else _read_jsonl(path)


def _read_jsonl(path: Path) -> Iterator[Cells]:
    # Only "\n" ends a line: JSON may hold U+2028 and similar characters unescaped.
    with _open_text(path, newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = parse_json(line, _build_object)
            except ValueError as error:
                raise UserError(f"{path}: line {number} is no JSON ({shorten(error)}).") from None
            if not isinstance(row, dict):
                raise UserError(f"{path}: line {number} is no JSON object, {{...}}.")
            yield row


def _build_object(pairs: list[tuple[str, Any]]) -> Cells:
    """Return a JSON object as a dict, its keys composed; unlike `json`, refuse a repeated key."""
    cells = {compose(name): value for name, value in pairs}
    if len(cells) < len(pairs):
        counts = Counter(compose(name) for name, _ in pairs)
        repeated = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f'the key "{shorten(repeated)}" stands twice')
    return cells


@dataclass(frozen=True)
class RowTable:
    """A table that is read row by row, from its beginning."""

    path: str
    rows: int
    first_row: int
    present: Sequence[str]
    """Its columns."""
    compressed_bytes: None = None

    def read(self, files: Files, columns: list[str], positions: list[int]) -> Iterator[Row]:
        """Yield the rows at these ascending positions; the table is on disk."""
        del files
        remaining = iter(positions)
        position = next(remaining, None)
        read = find_columns(self.path, columns, self.present)
        for number, values in enumerate(read_row_table(Path(self.path), read)):
            if position is None:
                return
            if number == position:
                yield Row(self.first_row + number, values, self.path)
                position = next(remaining, None)


def list_table_as_group(
    files: Files, path: str, columns: list[str], first_row: int
) -> Iterator[RowTable]:
    """Yield the one group of rows that such a table is."""
    del files
    names, rows = describe_row_table(Path(path))
    present = find_columns(path, columns, names)
    if set(columns) - set(present):
        _check_fields(path, columns, read_row_table(Path(path), present))
    yield RowTable(path, rows, first_row, names)


def _check_fields(path: str, columns: Sequence[str], rows: Iterator[Cells]) -> None:
    """Check that the fields that paths name are in some object; what is none is refused later.

    Raises:
        UserError: no object has such a field.
    """
    present: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        for name in columns:
            place = find_column(name, row)
            if place is None:
                continue
            for field, keys in _list_keys(row[place.column], place.fields):
                present.setdefault((name, field), {}).update(dict.fromkeys(keys))
    for (name, field), keys in present.items():
        if find_name(field, keys, path) is None:
            raise missing_field(path, name, list(keys))


def _list_keys(value: object, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield the objects in which each of these fields is looked for, from the outside in."""
    if not fields:
        return
    value = parse_brackets(value)
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, Mapping):
            yield fields[0], each
            inner = [value for name, value in each.items() if compose(name) == fields[0]]
            yield from (pair for value in inner for pair in _list_keys(value, fields[1:]))
