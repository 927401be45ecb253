"""What is decided: the best setting for each goal, and why the others are not."""

from dataclasses import dataclass
from enum import StrEnum


class Goal(StrEnum):
    """What a setting may be best for."""

    QUALITY = "quality"
    LATENCY = "latency"
    """The fastest reply: the shortest forward pass of a batch."""
    THROUGHPUT = "throughput"
    """The most samples per second, of generation."""
    ENERGY = "energy"
    """The least metered joules per sample."""
    BALANCE = "balance"
    """All costs at once: nearest to the best of each, on log scales from the best to the worst."""


@dataclass(frozen=True)
class Choice:
    """The setting that is named for a goal. All settings are `Candidate.cell`."""

    goal: Goal
    cell: str
    """Of the best and those tied with it the nearest to the base."""
    best: str
    """The one with the best value, which may be better than `cell` by chance alone."""
    tied: tuple[str, ...]
    """The others that are not measurably worse than the best, without `cell`."""


@dataclass(frozen=True)
class Miss:
    """A limit that a candidate does not keep."""

    limit: str
    """Name of the field of `Limits`."""
    value: float | None
    """What was measured; None where nothing was."""
    bound: float


@dataclass(frozen=True)
class Nearest:
    """Where nothing keeps every limit, the candidate that comes nearest."""

    cell: str
    misses: tuple[Miss, ...]


@dataclass(frozen=True)
class Decision:
    """The best settings of a contest."""

    choices: tuple[Choice, ...]
    """In the order of `Goal`; a goal that cannot be judged is not among them."""
    bar: str | None
    """Whose quality the cost goals ask for: the reference's, or that of the best setting which is
    measurably better. None where a floor of quality is given, or quality was not measured.
    """
    worse: tuple[str, ...]
    """Left out by the cost goals: measurably worse than `bar`."""
    unjudged: tuple[str, ...]
    """Left out: without a quality, where others have some."""
    disturbed: tuple[str, ...]
    """Left out by the cost goals: disturbed, while an undisturbed setting answers as well."""
    beyond: tuple[str, ...]
    """Left out: they do not keep the limits."""
    nearest: Nearest | None
    """Set where nothing keeps the limits; there are no choices then."""
