"""Where each file of a study lies, and the key of a cell."""

from typing import NamedTuple


class CellKey(NamedTuple):
    """Names a cell within a study."""

    dataset: str
    cell: str
    """The cell's id."""
