"""Parquet tables written and read as a stream: in memory is one group of rows, never the table."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError
from vlmeter.files import replacing

_GROUP_ROWS = 1024
_GROUP_BYTES = 16 << 20
"""A group of rows ends with the row that reaches one of these."""


def write_table(path: Path, rows: Iterable[Mapping[str, object]], schema: pa.Schema) -> None:
    """Write rows as parquet, atomically, as they come; without any the table has its columns.

    The same rows give the same file. What `rows` raises leaves no file.
    """
    with replacing(path) as aside, pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _groups(rows: Iterable[Mapping[str, object]]) -> Iterator[list[Mapping[str, object]]]:
    group: list[Mapping[str, object]] = []
    held = 0
    for row in rows:
        group.append(row)
        held += sum(len(value) for value in row.values() if isinstance(value, bytes | str))
        if len(group) == _GROUP_ROWS or held >= _GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


def stream_table(
    path: Path, columns: Sequence[str] | None = None, start: int = 0, stop: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows from `start` up to `stop` of a parquet table, a group in memory at a time.

    Raises:
        UserError: the file is missing or damaged.
    """
    wanted = None if columns is None else list(columns)
    with _opened(path) as file:
        first = 0
        for number in range(file.num_row_groups):
            length = file.metadata.row_group(number).num_rows
            last = first + length
            if stop is not None and first >= stop:
                return
            if last > start:
                with _explained(path):
                    group = file.read_row_group(number, columns=wanted)
                inside = group.slice(max(0, start - first))
                rows = inside if stop is None else inside.slice(0, stop - max(first, start))
                yield from rows.to_pylist()
            first = last


def count_rows(path: Path) -> int:
    """Return how many rows a parquet table has; none of them is read.

    Raises:
        UserError: the file is missing or damaged.
    """
    with _opened(path) as file:
        return int(file.metadata.num_rows)


def read_table(path: Path, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Read a small parquet table as a list of rows.

    Raises:
        UserError: the file is missing or damaged.
    """
    return list(stream_table(path, columns))


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    with _explained(path):
        file = pq.ParquetFile(path)
    with file:
        yield file


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is missing: delete its manifest and run again.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it and run again.") from None
