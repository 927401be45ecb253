"""A run's timeline: at each moment one part is at work, the innermost that was entered.

Marks are taken where the part changes and read after the last of them, so that a device that works
behind the host's back has done its work. Since every moment belongs to one part, the parts sum to
the whole by construction.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from vlmeter.measure.clock import Call
from vlmeter.measure.marks.stopwatch import Stopwatch

PartT = TypeVar("PartT", bound=Hashable)


class Mark(NamedTuple, Generic[PartT]):
    """Where another part comes to work."""

    part: PartT | None
    """What is at work from here on; None after the run."""
    begins: bool
    """Whether it is entered here, and does not go on."""
    at: object
    """What the stopwatch gave."""


class OwnTime(NamedTuple):
    """What a part took itself in one run, less what the parts inside it took."""

    calls: int
    """How often it was entered."""
    seconds: float


class Timeline(Generic[PartT]):
    """Takes the marks of one run after another."""

    def __init__(self, stopwatch: Stopwatch, rest: PartT) -> None:
        """Take the marks with this stopwatch; what is in no part that is entered is `rest`."""
        self._stopwatch = stopwatch
        self._rest = rest
        self._marks: list[Mark[PartT]] = []
        self._open: list[PartT] = []

    def record(self, run: Call) -> list[Mark[PartT]]:
        """Return the marks of a run, which have not happened yet."""
        self._marks, self._open = [], []
        self.begin(self._rest)
        run()
        self.end()
        return self._marks

    def time(
        self, run: Callable[[Callable[[PartT], AbstractContextManager[None]]], object]
    ) -> dict[PartT, float]:
        """Return the seconds of each part of a run.

        Args:
            run: Enters its parts by the function that it is given.
        """
        marks = self.record(lambda: run(self.enter))
        self._stopwatch.finish()
        own_times = compute_own_times(marks, self._stopwatch)
        return {part: own.seconds for part, own in own_times.items()}

    @contextmanager
    def enter(self, part: PartT) -> Iterator[None]:
        """Be in a part until the end of the block."""
        self.begin(part)
        try:
            yield
        finally:
            self.end()

    def begin(self, part: PartT) -> None:
        """Enter a part, inside of the one that is at work."""
        self._open.append(part)
        self._marks.append(Mark(part, True, self._stopwatch.mark()))

    def end(self) -> None:
        """Leave the innermost part; the one around it goes on."""
        self._open.pop()
        # After the last part nothing is at work.
        around = self._open[-1] if self._open else None
        self._marks.append(Mark(around, False, self._stopwatch.mark()))

    def follow(self, part: PartT, next_part: PartT) -> None:
        """Let a part follow on another, where that is the innermost."""
        if self._open and self._open[-1] == part:
            self._open[-1] = next_part
            self._marks.append(Mark(next_part, True, self._stopwatch.mark()))


def compute_own_times(marks: Sequence[Mark[PartT]], stopwatch: Stopwatch) -> dict[PartT, OwnTime]:
    """Return the own time of each part, in the order in which they come to work.

    Args:
        marks: Of one run, or its marks from one of them on.
        stopwatch: Where they came from; they have happened.
    """
    own: dict[PartT, OwnTime] = defaultdict(lambda: OwnTime(0, 0.0))
    for mark, following in pairwise(marks):
        if mark.part is not None:
            calls, seconds = own[mark.part]
            taken_s = stopwatch.seconds(mark.at, following.at)
            own[mark.part] = OwnTime(calls + mark.begins, seconds + taken_s)
    return dict(own)


def sum_seconds(own_times: Mapping[PartT, OwnTime]) -> float:
    """Return the time of all parts together."""
    return math.fsum(own.seconds for own in own_times.values())
