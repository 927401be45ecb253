"""Parquet files by row group: the size of each row group and the rows in it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.data.columns import find_column, find_columns, index_columns, missing_field
from vlmeter.data.features import Cells, decode
from vlmeter.errors import UserError, one_line
from vlmeter.storage.texts import compose, find_name

# Arrow requests whole column chunks; a read-ahead would fetch the chunks after them too.
_NO_READ_AHEAD = {"cache_type": "none"}
_UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError),
    pa.ArrowException,
)
"""What Arrow and `datasets` raise for a damaged table or for features that do not match it."""
_BATCH_ROWS = 64
_BUFFER_BYTES = 1 << 20


class Row(NamedTuple):
    """A row of a split."""

    number: int
    """Counted from 0 over all tables of the split."""
    values: Cells
    table: str
    """Path of the row's table."""


@dataclass(frozen=True)
class Files:
    """The tables of a split."""

    filesystem: Any
    """An fsspec file system."""
    paths: tuple[str, ...]
    revision: str | None
    """The commit on the Hub; None for files on disk."""
    features: Any = None
    """The columns' features of `datasets`, if the Hub's card names them."""
    licence: str | None = None
    """As the Hub's card names it."""
    describe_error: Callable[[Exception], str] = one_line
    """Returns what an error in reading means."""

    @property
    def is_local(self) -> bool:
        """Whether the tables are on this machine's disk."""
        return self.revision is None


@dataclass(frozen=True)
class RowGroup:
    """A row group of a parquet file."""

    path: str
    number: int
    rows: int
    first_row: int
    """Number of its first row in the split."""
    compressed_bytes: int
    """Size of the columns that are read."""
    footer: Any = field(repr=False, compare=False)
    """The file's footer: kept, so that it is fetched once and not again for each group."""

    def read(self, files: Files, columns: list[str], positions: list[int]) -> Iterator[Row]:
        """Yield the rows at these ascending positions within the group.

        Raises:
            UserError: the group is damaged, or the connection breaks.
        """
        try:
            with files.filesystem.open(self.path, **_NO_READ_AHEAD) as file:
                # From the Hub, whole column chunks need few requests. On disk a row group may be
                # a whole data set, so it is read through a buffer.
                parquet = pq.ParquetFile(
                    file,
                    metadata=self.footer,
                    pre_buffer=not files.is_local,
                    buffer_size=_BUFFER_BYTES if files.is_local else 0,
                )
                present = parquet.schema_arrow.names
                batches = parquet.iter_batches(
                    _BATCH_ROWS,
                    row_groups=[self.number],
                    columns=find_columns(self.path, columns, present),
                    use_threads=False,
                )
                for position, values in _select_rows(batches, positions, files.features):
                    yield Row(self.first_row + position, values, self.path)
        except _UNREADABLE as error:
            reason = files.describe_error(error)
            raise UserError(
                f"{self.path}: row group {self.number} cannot be read: {reason}"
            ) from error


def _select_rows(
    batches: Iterable[pa.RecordBatch],
    positions: list[int],
    features: Any,  # noqa: ANN401 - `datasets` has no types
) -> Iterator[tuple[int, Cells]]:
    """Yield the rows at ascending positions over all batches, each with its position."""
    start, remaining = 0, deque(positions)
    for batch in batches:
        end = start + len(batch)
        in_batch = []
        while remaining and remaining[0] < end:
            in_batch.append(remaining.popleft())
        if in_batch:
            offsets = [position - start for position in in_batch]
            # Arrow cannot `take` rows of every type, but cut any.
            rows = [pa.Table.from_batches([batch.slice(offset, 1)]) for offset in offsets]
            table = pa.concat_tables(rows)
            rows_read = decode(table, features)
            composed = ({compose(name): cell for name, cell in row.items()} for row in rows_read)
            yield from zip(in_batch, composed, strict=True)
        if not remaining:
            return
        start = end


def list_row_groups(
    files: Files, path: str, columns: list[str], first_row: int
) -> Iterator[RowGroup]:
    """Yield the row groups of a file; only its footer is read.

    Raises:
        UserError: the file is no parquet, or lacks a column.
    """
    try:
        with files.filesystem.open(path, **_NO_READ_AHEAD) as file:
            parquet = pq.ParquetFile(file)
    except _UNREADABLE as error:
        raise UserError(
            f"{path} cannot be read as parquet: {files.describe_error(error)}"
        ) from error
    schema = parquet.schema_arrow
    present = find_columns(path, columns, schema.names)
    _check_fields(path, columns, schema)
    footer = parquet.metadata
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        size = _sum_compressed_bytes(group, present)
        yield RowGroup(path, number, group.num_rows, first_row, size, footer)
        first_row += group.num_rows


def _check_fields(table: str, paths: Sequence[str], schema: pa.Schema) -> None:
    """Check that the fields that paths name are there; what is no struct is refused by its cells.

    Raises:
        UserError: a struct has no such field.
    """
    columns = index_columns(table, schema.names)
    for path in paths:
        place = find_column(path, columns)
        assert place is not None, "all columns were found before"
        kind = schema.field(columns[place.column]).type
        for wanted in place.fields:
            while pa.types.is_nested(kind) and not pa.types.is_struct(kind):
                kind = kind.field(0).type
            if not pa.types.is_struct(kind):
                break
            names = [kind.field(place).name for place in range(kind.num_fields)]
            name = find_name(wanted, names, table)
            if name is None:
                raise missing_field(table, path, names)
            kind = kind.field(name).type


def _sum_compressed_bytes(group: Any, columns: list[str]) -> int:  # noqa: ANN401 - Arrow has no types
    parts = (group.column(index) for index in range(group.num_columns))
    composed = set(map(compose, columns))
    # A column of lists or structs is stored in several parts, such as `image.bytes`.
    return sum(
        int(part.total_compressed_size)
        for part in parts
        if find_column(part.path_in_schema, composed) is not None
    )
