"""Which cells of a study are compared with which, and how."""

from dataclasses import dataclass
from typing import NamedTuple


class DifferenceKey(NamedTuple):
    """Names a cell and the cell that it is compared with, on the same data set."""

    dataset: str
    cell: str
    base: str


@dataclass(frozen=True)
class Comparisons:
    """The pairs of cells that a study compares, and the bootstrap that compares their answers."""

    pairs: tuple[DifferenceKey, ...]
    seed: int
    resamples: int
