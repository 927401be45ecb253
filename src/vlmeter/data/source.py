"""Where a data set's tables are, on the Hub or on disk, and which rows are sampled.

Only the row groups that the seed picks are read: on the Hub by byte ranges, not whole files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import fsspec
import numpy as np
import pyarrow.parquet as pq

from vlmeter.data.localtables import find_tables
from vlmeter.data.texttables import is_text_table, read_text_table
from vlmeter.errors import UserError


class Row(NamedTuple):
    """A row of a split."""

    number: int
    """From 0, over all its tables."""
    values: dict[str, Any]
    """By column."""
    table: str
    """Path of the table that it stands in."""


@dataclass(frozen=True)
class Files:
    """The tables of a split."""

    filesystem: Any
    """An fsspec file system."""
    paths: tuple[str, ...]
    revision: str | None
    """The commit on the Hub; None for files on disk."""


def open_source(source: Mapping[str, Any], pinned: str | None = None) -> Files:
    """Find the files of a data source, as the config describes it.

    Args:
        source: `{hub, config, split, revision}` or `{path, table}`.
        pinned: The commit that an earlier download resolved, used where `revision` is not given.

    Raises:
        UserError: there is no such data set, file, configuration or split.
    """
    if source.get("path") is not None:
        tables = find_tables(Path(source["path"]), source.get("table"))
        return Files(fsspec.filesystem("file"), tuple(map(str, tables)), None)
    return _hub(source, source.get("revision") or pinned)


def _hub(source: Mapping[str, Any], revision: str | None) -> Files:
    # Imported here: they take seconds, and a data set on disk needs neither.
    from datasets import load_dataset_builder  # noqa: PLC0415
    from huggingface_hub import HfApi, HfFileSystem  # noqa: PLC0415

    name = source["hub"]
    try:
        commit = HfApi().dataset_info(name, revision=revision).sha
        builder = load_dataset_builder(name, source.get("config"), revision=commit)
    except Exception as error:
        raise UserError(
            f"data set {name} at {revision or 'its newest revision'} cannot be opened: {error}"
        ) from error
    files = builder.config.data_files or {}
    if source["split"] not in files:
        raise UserError(
            f'data set {name} has no split "{source["split"]}"; it has: {", ".join(files)}.'
        )
    paths = tuple(str(path).removeprefix("hf://") for path in files[source["split"]])
    return Files(HfFileSystem(), paths, commit)


class Group(Protocol):
    """Rows that are read together."""

    @property
    def rows(self) -> int:
        """How many."""

    @property
    def compressed_bytes(self) -> int | None:
        """Of the columns that are read; None where the images are files of their own."""

    def read(self, files: Files, columns: list[str], wanted: list[int]) -> Iterator[Row]:
        """Yield the rows at the positions `wanted` within the group."""


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

    def read(self, files: Files, columns: list[str], wanted: list[int]) -> Iterator[Row]:
        """Yield the rows at the positions `wanted` within the group.

        Raises:
            UserError: the group is damaged, or the connection breaks.
        """
        try:
            with files.filesystem.open(self.path) as file:
                table = pq.ParquetFile(file).read_row_group(self.number, columns=columns)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.path}: row group {self.number} cannot be read: {error}"
            ) from error
        for offset, row in zip(wanted, table.take(wanted).to_pylist(), strict=True):
            yield Row(self.first_row + offset, row, self.path)


@dataclass(frozen=True)
class TextTable:
    """A table of text, which is read whole."""

    path: str
    rows: int
    first_row: int
    compressed_bytes: None = None

    def read(self, files: Files, columns: list[str], wanted: list[int]) -> Iterator[Row]:
        """Yield the rows at the positions `wanted`; text tables are on this disk."""
        del files
        _, rows = read_text_table(Path(self.path))
        for position in wanted:
            values = {column: rows[position][column] for column in columns}
            yield Row(self.first_row + position, values, self.path)


@dataclass(frozen=True)
class Draw:
    """Which row groups are read for a sample, and which of their rows are taken."""

    groups: tuple[Group, ...]
    """In the order of the split."""
    picked: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Ascending positions among the rows of all these groups."""


def draw_sample(files: Files, columns: list[str], n: int, seed: int) -> Draw:
    """Pick the fewest row groups that hold `n` rows, in an order drawn by `seed`, and rows in them.

    Of parquet files only the footers are read.

    Raises:
        UserError: a column is missing, or a file is not what its name says.
    """
    groups = list(_groups(files, columns))
    random = np.random.default_rng(seed)
    chosen, held = [], 0
    for index in random.permutation(len(groups)):
        if held >= n:
            break
        chosen.append(int(index))
        held += groups[index].rows
    picked = np.sort(random.permutation(held)[:n])
    return Draw(tuple(groups[index] for index in sorted(chosen)), picked)


def read_draw(files: Files, columns: list[str], draw: Draw) -> Iterator[Row]:
    """Yield the rows of a draw, in the order of the split."""
    first = 0
    for group in draw.groups:
        last = first + group.rows
        inside = draw.picked[(draw.picked >= first) & (draw.picked < last)] - first
        if len(inside):
            yield from group.read(files, columns, inside.tolist())
        first = last


def _groups(files: Files, columns: list[str]) -> Iterator[Group]:
    first_row = 0
    for path in files.paths:
        groups = _text_table if is_text_table(path) else _row_groups
        for group in groups(files, path, columns, first_row):
            yield group
            first_row += group.rows


def _text_table(files: Files, path: str, columns: list[str], first_row: int) -> Iterator[TextTable]:
    del files
    names, rows = read_text_table(Path(path))
    _check_columns(path, columns, names)
    yield TextTable(path, len(rows), first_row)


def _row_groups(files: Files, path: str, columns: list[str], first_row: int) -> Iterator[RowGroup]:
    try:
        with files.filesystem.open(path) as file:
            parquet = pq.ParquetFile(file)
            _check_columns(path, columns, parquet.schema_arrow.names)
            found = [
                (group.num_rows, _compressed_bytes(group, columns))
                for group in map(parquet.metadata.row_group, range(parquet.num_row_groups))
            ]
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as parquet: {error}") from error
    for number, (rows, compressed_bytes) in enumerate(found):
        yield RowGroup(path, number, rows, first_row, compressed_bytes)
        first_row += rows


def _compressed_bytes(group: Any, columns: list[str]) -> int:  # noqa: ANN401 - Arrow has no types
    parts = (group.column(index) for index in range(group.num_columns))
    # A column of lists or structs is stored in several parts, named `image.bytes` for instance.
    return sum(
        int(part.total_compressed_size)
        for part in parts
        if part.path_in_schema.split(".")[0] in columns
    )


def _check_columns(path: str, wanted: list[str], present: list[str]) -> None:
    missing = [column for column in wanted if column not in present]
    if missing:
        raise UserError(
            f'{path} has no column "{missing[0]}"; it has: {", ".join(present)}. '
            "Correct datasets.*.columns."
        )
