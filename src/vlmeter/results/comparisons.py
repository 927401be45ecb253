"""Which cells of a study are compared with which, and how."""

from dataclasses import dataclass

from vlmeter.storage.layout import DifferenceKey


@dataclass(frozen=True)
class Comparisons:
    """The pairs of cells that a study compares, and the bootstrap that compares their answers."""

    pairs: tuple[DifferenceKey, ...]
    seed: int
    resamples: int
