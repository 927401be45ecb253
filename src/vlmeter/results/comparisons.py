"""Which cells of a study are compared with which, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.results.difference_row import DifferenceKey


@dataclass(frozen=True)
class Comparisons:
    """The pairs of cells that a study compares, and the bootstrap that compares their answers."""

    pairs: tuple[DifferenceKey, ...]
    seed: int
    resamples: int

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> "Comparisons":
        """Return them from the parameters of a rule."""
        pairs = tuple(DifferenceKey(**pair) for pair in params["pairs"])
        return cls(pairs, params["seed"], params["resamples"])

    def as_params(self) -> dict[str, object]:
        """Return them as the parameters of a rule."""
        return {
            "pairs": [pair._asdict() for pair in self.pairs],
            "seed": self.seed,
            "resamples": self.resamples,
        }
