"""Parquet files, read by row groups: what a row group holds, and the rows in it."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vlmeter.errors import UserError, one_line

# Arrow asks for whole column chunks; reading further ahead would fetch the next ones too.
_NO_READ_AHEAD = {"cache_type": "none"}
_FEATURES = b"huggingface"
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)
"""What Arrow and `datasets` raise over a damaged table, or over features that do not fit it."""
_PIECE_ROWS = 64
_PIECE_BYTES = 1 << 20


class Row(NamedTuple):
    """A row of a split."""

    number: int
    """From 0, over all its tables."""
    values: dict[str, Any]
    """By column."""
    table: str
    """Path of the table that it stands in."""


class Label(int):
    """A class label of `datasets`: a number, as an index, that reads as its name."""

    name: str

    def __new__(cls, number: int, names: Sequence[str]) -> "Label":
        """Return the label of a number among the names of all."""
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
    """The columns' features as `datasets` knows them, where the Hub's card tells them."""
    licence: str | None = None
    """As the Hub's card says."""
    in_words: Callable[[Exception], str] = one_line
    """Says what an error means that reading raises."""

    @property
    def is_local(self) -> bool:
        """Whether they are on this disk."""
        return self.revision is None


@dataclass(frozen=True)
class RowGroup:
    """A part of a parquet file that is read as a whole."""

    path: str
    number: int
    rows: int
    first_row: int
    """Number of its first row in the split."""
    compressed_bytes: int
    """Of the columns that are read."""
    footer: Any = field(repr=False, compare=False)
    """Of the file: fetched once, not once more for each group."""

    def read(self, files: Files, columns: list[str], wanted: list[int]) -> Iterator[Row]:
        """Yield the rows at the positions `wanted` within the group.

        Raises:
            UserError: the group is damaged, or the connection breaks.
        """
        try:
            with files.filesystem.open(self.path, **_NO_READ_AHEAD) as file:
                # On the Hub whole column chunks come in few requests. A group on disk may be a
                # whole data set, so that is read piece by piece.
                parquet = pq.ParquetFile(
                    file,
                    metadata=self.footer,
                    pre_buffer=not files.is_local,
                    buffer_size=_PIECE_BYTES if files.is_local else 0,
                )
                pieces = parquet.iter_batches(
                    _PIECE_ROWS, row_groups=[self.number], columns=columns, use_threads=False
                )
                for offset, row in _at(wanted, pieces, files.features):
                    yield Row(self.first_row + offset, row, self.path)
        except _UNREADABLE as error:
            told = files.in_words(error)
            raise UserError(
                f"{self.path}: row group {self.number} cannot be read: {told}"
            ) from error


def _at(
    wanted: list[int],
    pieces: Iterable[pa.RecordBatch],
    features: Any,  # noqa: ANN401
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows at ascending positions of a table that comes in pieces."""
    first, left = 0, deque(wanted)
    for piece in pieces:
        last = first + len(piece)
        here = []
        while left and left[0] < last:
            here.append(left.popleft())
        if here:
            table = pa.Table.from_batches([piece]).take([position - first for position in here])
            yield from zip(here, _decoded(table, features), strict=True)
        if not left:
            return
        first = last


def row_groups(files: Files, path: str, columns: list[str], first_row: int) -> Iterator[RowGroup]:
    """Yield the row groups of a file; only its footer is read.

    Raises:
        UserError: it is no parquet, or lacks a column.
    """
    try:
        with files.filesystem.open(path, **_NO_READ_AHEAD) as file:
            parquet = pq.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as parquet: {files.in_words(error)}") from error
    check_columns(path, columns, parquet.schema_arrow.names)
    footer = parquet.metadata
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        size = _compressed_bytes(group, columns)
        yield RowGroup(path, number, group.num_rows, first_row, size, footer)
        first_row += group.num_rows


def check_columns(path: str, wanted: list[str], present: list[str]) -> None:
    """See that a table has the columns that are read.

    Raises:
        UserError: it lacks one.
    """
    missing = [column for column in wanted if column not in present]
    if missing:
        raise UserError(
            f'{path} has no column "{missing[0]}"; it has: {", ".join(present)}. '
            "Correct datasets.*.columns."
        )


def _compressed_bytes(group: Any, columns: list[str]) -> int:  # noqa: ANN401 - Arrow has no types
    parts = (group.column(index) for index in range(group.num_columns))
    # A column of lists or structs is stored in several parts, named `image.bytes` for instance.
    return sum(
        int(part.total_compressed_size)
        for part in parts
        if part.path_in_schema.split(".")[0] in columns
    )


def _decoded(table: pa.Table, features: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return rows as `datasets` decodes them, but for files, which stay as they are encoded."""
    if features is None and _FEATURES not in (table.schema.metadata or {}):
        return list(table.to_pylist())
    # Imported here: it takes a second, and most tables on disk need it not.
    from datasets import ClassLabel, Features  # noqa: PLC0415
    from datasets.table import table_cast  # noqa: PLC0415

    own = Features.from_arrow_schema(table.schema)
    known = Features({name: (features or own).get(name, own[name]) for name in table.column_names})
    plain = Features({name: kind for name, kind in known.items() if _opens_nothing(kind)})
    rows = [
        {**row, **plain.decode_example({name: row[name] for name in plain})}
        for row in table_cast(table, known.arrow_schema).to_pylist()
    ]
    labels = {
        name: feature.names for name, feature in known.items() if isinstance(feature, ClassLabel)
    }
    for row in rows:
        for name, names in labels.items():
            row[name] = _label(row[name], names)
    return rows


def _opens_nothing(feature: Any) -> bool:  # noqa: ANN401 - any of `datasets`' features
    """Say whether values of a feature are decoded by computing alone.

    A picture, sound or document, however deep in a list, would be looked for where its row says,
    on this disk or at an address, and opened with whatever reads its format.
    """
    from datasets import ClassLabel, LargeList, List, Value  # noqa: PLC0415
    from datasets.features import Json  # noqa: PLC0415

    if isinstance(feature, List | LargeList):
        return _opens_nothing(feature.feature)
    if isinstance(feature, dict):
        return all(map(_opens_nothing, feature.values()))
    return isinstance(feature, Value | ClassLabel | Json)


def _label(number: int | None, names: Sequence[str]) -> Label | None:
    """Return a class label; a negative one means that there is none."""
    return None if number is None or number < 0 else Label(number, names)
