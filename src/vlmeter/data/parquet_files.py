"""Parquet files by row group: the size of each row group and the rows in it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError, one_line

# Arrow requests whole column chunks; a read-ahead would fetch the chunks after them too.
_NO_READ_AHEAD = {"cache_type": "none"}
_FEATURES = b"huggingface"
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What Arrow and `datasets` raise for a damaged table or for features that do not match it."""
_BATCH_ROWS = 64
_BUFFER_BYTES = 1 << 20


Cells = dict[str, Any]
"""The cells of a row by the name of their column, of whatever type the file holds."""


class Row(NamedTuple):
    """A row of a split."""

    number: int
    """Counted from 0 over all tables of the split."""
    values: Cells
    table: str
    """Path of the row's table."""


class Label(int):
    """A class label of `datasets`: a number whose text is the label's name."""

    name: str

    def __new__(cls, number: int, names: Sequence[str]) -> "Label":
        """Return the label with a number; `names` are those of all labels."""
        label = super().__new__(cls, number)
        label.name = names[number]
        return label

    def __str__(self) -> str:
        return self.name


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
                batches = parquet.iter_batches(
                    _BATCH_ROWS, row_groups=[self.number], columns=columns, use_threads=False
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
            table = pa.Table.from_batches([batch]).take(offsets)
            yield from zip(in_batch, _decode(table, features), strict=True)
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
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as parquet: {files.describe_error(error)}"
        ) from error
    check_columns(path, columns, parquet.schema_arrow.names)
    footer = parquet.metadata
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        size = _sum_compressed_bytes(group, columns)
        yield RowGroup(path, number, group.num_rows, first_row, size, footer)
        first_row += group.num_rows


def check_columns(path: str, required: list[str], present: list[str]) -> None:
    """Check that a table has the columns that are read.

    Raises:
        UserError: a column is missing.
    """
    missing = [column for column in required if column not in present]
    if missing:
        raise UserError(
            f'{path} has no column "{missing[0]}"; it has: {", ".join(present)}. '
            "Correct datasets.*.columns."
        )


def _sum_compressed_bytes(group: Any, columns: list[str]) -> int:  # noqa: ANN401 - Arrow has no types
    parts = (group.column(index) for index in range(group.num_columns))
    # A column of lists or structs is stored in several parts, such as `image.bytes`.
    return sum(
        int(part.total_compressed_size)
        for part in parts
        if part.path_in_schema.split(".")[0] in columns
    )


def _decode(table: pa.Table, features: Any) -> list[Cells]:  # noqa: ANN401
    """Return rows as `datasets` decodes them; only files stay encoded."""
    if features is None and _FEATURES not in (table.schema.metadata or {}):
        return list(table.to_pylist())
    # Imported here: the import takes a second, and most tables on disk do not need it.
    from datasets import ClassLabel, Features  # noqa: PLC0415
    from datasets.table import table_cast  # noqa: PLC0415

    stored = Features.from_arrow_schema(table.schema)
    declared = stored if features is None else features
    schema = Features({name: declared.get(name, stored[name]) for name in table.column_names})
    decodable = Features(
        {name: feature for name, feature in schema.items() if _needs_no_file(feature)}
    )
    rows = [
        {**row, **decodable.decode_example({name: row[name] for name in decodable})}
        for row in table_cast(table, schema.arrow_schema).to_pylist()
    ]
    label_names = {
        name: feature.names for name, feature in schema.items() if isinstance(feature, ClassLabel)
    }
    for row in rows:
        for name, names in label_names.items():
            row[name] = _make_label(row[name], names)
    return rows


def _needs_no_file(feature: Any) -> bool:  # noqa: ANN401 - any of `datasets`' features
    """Say whether `datasets` decodes the values of a feature without opening a file.

    For an image, a sound or a document, however deep in a list, it would open the path or the
    address that the row names, with a reader for that format.
    """
    from datasets import ClassLabel, LargeList, List, Value  # noqa: PLC0415
    from datasets.features import Json  # noqa: PLC0415

    if isinstance(feature, List | LargeList):
        return _needs_no_file(feature.feature)
    if isinstance(feature, dict):
        return all(map(_needs_no_file, feature.values()))
    return isinstance(feature, Value | ClassLabel | Json)


def _make_label(number: int | None, names: Sequence[str]) -> Label | None:
    """Return the class label of a number, or None: a negative number means no label."""
    return None if number is None or number < 0 else Label(number, names)
