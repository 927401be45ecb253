"""Parquet tables, written and read as a stream: only a group of rows is in memory at a time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError, one_line
from vlmeter.storage.files import replacing
from vlmeter.storage.places import say_remedy

_GROUP_ROWS = 1024
_GROUP_BYTES = 16 << 20
"""A group of rows ends with the row that reaches either limit."""


def write_table(path: Path, rows: Iterable[Mapping[str, object]], schema: pa.Schema) -> None:
    """Write rows as parquet, atomically, while they are iterated.

    The same rows give the same file. Without rows the table still has its columns. An exception
    from `rows` leaves the file at `path` as it was.
    """
    with replacing(path) as aside, pq.ParquetWriter(aside, schema, compression="zstd") as writer:
        for group in _split_into_groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _split_into_groups(
    rows: Iterable[Mapping[str, object]],
) -> Iterator[list[Mapping[str, object]]]:
    group: list[Mapping[str, object]] = []
    group_bytes = 0
    for row in rows:
        group.append(row)
        group_bytes += sum(len(value) for value in row.values() if isinstance(value, bytes | str))
        if len(group) == _GROUP_ROWS or group_bytes >= _GROUP_BYTES:
            yield group
            group, group_bytes = [], 0
    if group:
        yield group


def stream_table(
    path: Path, columns: Sequence[str] | None = None, start: int = 0, stop: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table from `start` up to `stop` (excluded).

    Only a group of rows is in memory at a time.

    Raises:
        UserError: the file is missing or damaged, or lacks a column.
    """
    names = None if columns is None else list(columns)
    with _open_table(path, names or ()) as file:
        group_start = 0
        for number in range(file.num_row_groups):
            group_end = group_start + file.metadata.row_group(number).num_rows
            if stop is not None and group_start >= stop:
                return
            if group_end > start:
                # A group is small: starting threads would take longer than reading.
                rows = file.read_row_group(number, columns=names, use_threads=False)
                rows = rows.slice(max(0, start - group_start))
                if stop is not None:
                    rows = rows.slice(0, stop - max(group_start, start))
                yield from rows.to_pylist()
            group_start = group_end


def read_table(
    path: Path, columns: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read a small table as a list of rows; see `read_columns`."""
    return list(read_columns(path, columns, optional).to_pylist())


def read_columns(
    path: Path, columns: Sequence[str] | None = None, optional: Sequence[str] = ()
) -> pa.Table:
    """Read some columns of a table, or all; others, such as images, are not read.

    Args:
        path: The table.
        columns: Those that it must have; None for all that it has.
        optional: Those that are read too where it has them.

    Raises:
        UserError: the file is missing or damaged, or lacks a column.
    """
    with _open_table(path, columns or ()) as file:
        present = file.schema_arrow.names
        more = [name for name in optional if name in present]
        return file.read(None if columns is None else [*columns, *more], use_threads=False)


def count_rows(path: Path) -> int:
    """Return the number of rows of a table; only its footer is read.

    Raises:
        UserError: the file is missing or damaged.
    """
    with _open_table(path) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _open_table(path: Path, required: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a table; what Arrow raises until the end of the block becomes a `UserError`."""
    try:
        # Arrow would buffer the whole file in advance.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            missing = [name for name in required if name not in file.schema_arrow.names]
            if missing:
                raise UserError(f"{path} lacks the column {missing[0]}: {say_remedy(path)}.")
            yield file
    except FileNotFoundError:
        remedy = say_remedy(path, "run the rule that makes it again")
        raise UserError(f"{path} is missing: {remedy}.") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path} cannot be read as parquet ({one_line(error)}): {say_remedy(path)}."
        ) from None
