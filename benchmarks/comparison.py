"""A figure beside an independent one: what every benchmark yields, and how it is printed."""

from collections.abc import Iterable
from dataclasses import dataclass

HEADING = f"{'comparison':38}{'ours':>12}{'reference':>12} {'unit':6}{'difference':>11}{'limit':>8}"


@dataclass(frozen=True)
class Comparison:
    """One figure beside an independent one."""

    what: str
    ours: float
    reference: float
    unit: str
    limit: float
    """Largest difference allowed, as a share of the reference."""
    at_most: bool = False
    """Whether a lower figure is no difference."""

    @property
    def difference(self) -> float:
        """As a share of the reference."""
        return self.ours / self.reference - 1.0 if self.reference else float(self.ours != 0)

    @property
    def passed(self) -> bool:
        """Whether the difference is within its limit."""
        return (self.difference if self.at_most else abs(self.difference)) <= self.limit


@dataclass(frozen=True)
class WordComparison:
    """What was seen, in words, beside what was seen without this project."""

    what: str
    ours: str
    reference: str

    @property
    def passed(self) -> bool:
        """Whether both say the same."""
        return self.ours == self.reference


def print_all(comparisons: Iterable[Comparison]) -> bool:
    """Print each comparison as soon as it is made; return whether all passed."""
    passed = True
    for comparison in comparisons:
        passed &= comparison.passed
        print(
            f"{comparison.what:38}{comparison.ours:12.5g}{comparison.reference:12.5g} "
            f"{comparison.unit:6}{comparison.difference:11.2%}{comparison.limit:8.1%}  "
            f"{'ok' if comparison.passed else 'FAILED'}",
            flush=True,
        )
    return passed
