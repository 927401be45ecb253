"""What a simulated model's passes are made of, and what is kept of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Work:
    """Some layers' work in a row, in one stage, on one device and at one power."""

    stage: str
    place: int
    seconds: float
    watts: float
    launches: int = 1
    waits: bool = False
    """Whether the host waits for it, as it does for a token."""

    def is_like(self, other: "Work") -> bool:
        """Say whether it differs from other work by its time alone."""
        return replace(self, seconds=0.0, launches=1) == replace(other, seconds=0.0, launches=1)


@dataclass(frozen=True)
class Pass:
    """One pass as it happened."""

    kind: str
    """`forward` or `generate`."""
    rows: int
    new_tokens: int | None
    batch: int
    """Which inputs it had, numbered in the order of their first pass."""
    seconds: float
    """Of the devices that worked on it, one after the other."""
    stages_s: Mapping[str, float]
    """By how much each stage's work put off the end of all work so far."""
    begun_s: float
    """When the host began to give out its work."""
    is_compiled: bool
    """Whether anything of the model was compiled."""
    is_timed: bool
    """Whether it was run as timed passes are, and not to be counted."""
    ended_s: float
    """When the device had done it."""
