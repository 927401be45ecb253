"""How a cell ended: the head of each file that a measuring job leaves."""

from dataclasses import dataclass

from vlmeter.status import Status


@dataclass(frozen=True)
class Ending:
    """How a cell ended, and in which try."""

    status: Status
    reason: str | None
    """Why it did not end well, in words."""
    traceback: str | None
    attempt: int
    """Counts from 1."""
