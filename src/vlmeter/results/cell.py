"""Which cell a record is of."""

from dataclasses import dataclass

from vlmeter.axes import Axes
from vlmeter.storage.layout import CellKey


@dataclass(frozen=True)
class CellId:
    """Names a cell and its data set."""

    id: str
    dataset: str


@dataclass(frozen=True)
class RecordCell(Axes, CellId):
    """A cell: its id, its data set and its value on every axis."""

    @property
    def key(self) -> CellKey:
        """The cell's key within its study."""
        return CellKey(self.dataset, self.id)
