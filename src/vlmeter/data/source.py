"""Finds a data set's tables, on the Hub or on disk, and draws a sample of their rows.

Only the row groups that the seed picks are read; from the Hub as byte ranges, not whole files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import fsspec
import numpy as np

from vlmeter.data.job import Columns, DataSource
from vlmeter.data.local_files import find_tables
from vlmeter.data.parquet_files import Files, Row, list_row_groups
from vlmeter.data.row_files import is_row_table, list_table_as_group
from vlmeter.data.rows import check_kinds
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY, RetryPolicy

_FIRST_ROWS = 64


def open_source(
    source: DataSource,
    pinned: str | None = None,
    retry_policy: RetryPolicy = DEFAULT_RETRY_POLICY,
) -> Files:
    """Find the files of a data source.

    Args:
        source: A repository on the Hub or a path on disk.
        pinned: The commit that an earlier download took; used if the source has no `revision`.
        retry_policy: Of requests to the Hub.

    Raises:
        UserError: the data set, file, configuration or split does not exist or cannot be reached.
    """
    if source.path is not None:
        tables = find_tables(source.find_path(), source.table)
        return Files(fsspec.filesystem("file"), tuple(map(str, tables)), None)
    # Imported here: the import takes seconds, and a data set on disk does not need it.
    from vlmeter.data.hub_files import find_split  # noqa: PLC0415

    return find_split(source, source.revision or pinned, retry_policy)


class Group(Protocol):
    """A part of a split: a row group of a parquet file, or a table that is read row by row."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def compressed_bytes(self) -> int | None:
        """Size of the columns that are read; None for a table that is read row by row."""

    def read(self, files: Files, columns: list[str], positions: list[int]) -> Iterator[Row]:
        """Yield the rows at these ascending positions within the group."""


@dataclass(frozen=True)
class Draw:
    """The row groups that are read for a sample, and the rows that are taken from them."""

    groups: tuple[Group, ...]
    """In the order of the split."""
    picked: np.ndarray[tuple[int], np.dtype[np.int64]]
    """Ascending positions among the rows of all these groups."""


def draw_sample(files: Files, columns: list[str], n: int, seed: int) -> Draw:
    """Draw `n` rows at random from few row groups.

    Row groups are taken in a random order until they hold `n` rows; the rows are drawn from these.
    Only the footers of parquet files are read.

    Raises:
        UserError: a column is missing, or a file is not of the format that its name says.
    """
    groups = list(_list_groups(files, columns))
    generator = np.random.default_rng(seed)
    chosen, chosen_rows = [], 0
    for index in generator.permutation(len(groups)):
        if chosen_rows >= n:
            break
        chosen.append(int(index))
        chosen_rows += groups[index].rows
    picked = np.sort(generator.permutation(chosen_rows)[:n])
    return Draw(tuple(groups[index] for index in sorted(chosen)), picked)


def read_draw(files: Files, columns: list[str], draw: Draw) -> Iterator[Row]:
    """Yield the rows of a draw, in the order of the split."""
    start = 0
    for group in draw.groups:
        end = start + group.rows
        positions = draw.picked[(draw.picked >= start) & (draw.picked < end)] - start
        if len(positions):
            yield from group.read(files, columns, positions.tolist())
        start = end


def check_source(source: DataSource, columns: Columns) -> None:
    """Check that a source on disk has its columns, and that each holds what is needed.

    Looks at the first rows, so that a mistake is noticed before anything runs.

    Raises:
        UserError: a file or a column is missing, or a column holds another kind than is needed.
    """
    files, present = open_source(source), columns.list_present()
    paths = sorted(set(present.values()))
    for group in draw_sample(files, paths, 1, 0).groups:
        rows = range(min(group.rows, _FIRST_ROWS))
        check_kinds(group.read(files, paths, list(rows)), present)


def _list_groups(files: Files, columns: list[str]) -> Iterator[Group]:
    first_row = 0
    for path in files.paths:
        list_groups = list_table_as_group if is_row_table(path) else list_row_groups
        for group in list_groups(files, path, columns, first_row):
            yield group
            first_row += group.rows
