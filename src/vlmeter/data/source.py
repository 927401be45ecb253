"""Where a data set's tables are, on the Hub or on disk, and which rows are sampled.

Only the row groups that the seed picks are read: on the Hub by byte ranges, not whole files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import fsspec
import numpy as np

from vlmeter.data.localtables import find_tables
from vlmeter.data.rowgroups import Files, Row, check_columns, row_groups
from vlmeter.data.texttables import describe_text_table, is_text_table, text_table_rows
from vlmeter.hub.patience import USUAL, Patience


def open_source(
    source: Mapping[str, Any], pinned: str | None = None, patience: Patience = USUAL
) -> Files:
    """Find the files of a data source, as the config describes it.

    Args:
        source: `{hub, config, split, revision}` or `{path, table}`.
        pinned: The commit that an earlier download resolved, used where `revision` is not given.
        patience: How long the Hub is waited for.

    Raises:
        UserError: there is no such data set, file, configuration or split, or no way to it.
    """
    if source.get("path") is not None:
        tables = find_tables(Path(source["path"]), source.get("table"))
        return Files(fsspec.filesystem("file"), tuple(map(str, tables)), None)
    # Imported here: it takes seconds, and a data set on disk needs it not.
    from vlmeter.hub.dataset import find_split  # noqa: PLC0415

    return find_split(source, source.get("revision") or pinned, patience)


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
class TextTable:
    """A table of text, which is gone through from its beginning."""

    path: str
    rows: int
    first_row: int
    compressed_bytes: None = None

    def read(self, files: Files, columns: list[str], wanted: list[int]) -> Iterator[Row]:
        """Yield the rows at the positions `wanted`; text tables are on this disk."""
        del files
        left = iter(wanted)
        position = next(left, None)
        for number, values in enumerate(text_table_rows(Path(self.path), columns)):
            if position is None:
                return
            if number == position:
                yield Row(self.first_row + number, values, self.path)
                position = next(left, None)


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
        groups = _text_table if is_text_table(path) else row_groups
        for group in groups(files, path, columns, first_row):
            yield group
            first_row += group.rows


def _text_table(files: Files, path: str, columns: list[str], first_row: int) -> Iterator[TextTable]:
    del files
    names, rows = describe_text_table(Path(path))
    check_columns(path, columns, names)
    yield TextTable(path, rows, first_row)
