"""A request's timeline: at each moment one part is at work, the innermost that was entered.

Marks are taken where the part changes and read after the last of them, so that a device that works
behind the host's back has done its work. Since every moment belongs to one part, the parts sum to
the whole by construction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise

from vlmeter.measure.layers.stopwatch import Stopwatch
from vlmeter.measure.request.result import OTHER

Enter = Callable[[str], AbstractContextManager[None]]
"""Enters a part, by its name, for the time of a `with` block."""


class Timeline:
    """The marks of one request after another."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        """Take the marks with this stopwatch."""
        self._stopwatch = stopwatch
        self._marks: list[tuple[str, object]] = []
        """Each part that begins or goes on, and when."""
        self._open: list[str] = []

    def time(self, run: Callable[[Enter], object]) -> dict[str, float]:
        """Return the seconds of each part of a run; what is in no part is `OTHER`.

        Args:
            run: Enters its parts by the function that it is given.
        """
        self._marks, self._open = [], []
        self.begin(OTHER)
        run(self.enter)
        self.end()
        self._stopwatch.finish()
        seconds: dict[str, float] = defaultdict(float)
        for (part, start), (_, end) in pairwise(self._marks):
            seconds[part] += self._stopwatch.seconds(start, end)
        return dict(seconds)

    @contextmanager
    def enter(self, part: str) -> Iterator[None]:
        """Be in a part until the end of the block."""
        self.begin(part)
        try:
            yield
        finally:
            self.end()

    def begin(self, part: str) -> None:
        """Enter a part, inside of the one that is at work."""
        self._open.append(part)
        self._marks.append((part, self._stopwatch.mark()))

    def end(self) -> None:
        """Leave the innermost part; the one around it goes on."""
        self._open.pop()
        # After the last part nothing is at work.
        self._marks.append((self._open[-1] if self._open else "", self._stopwatch.mark()))

    def follow(self, part: str, next_part: str) -> None:
        """Let a part follow on another, where that is the innermost."""
        if self._open and self._open[-1] == part:
            self.end()
            self.begin(next_part)


def merge_into_other(seconds: Mapping[str, float], merged: Mapping[str, str]) -> dict[str, float]:
    """Return the seconds by part, where those of some parts count as `OTHER`."""
    kept: dict[str, float] = defaultdict(float)
    for part, value in seconds.items():
        kept[OTHER if part in merged else part] += value
    return dict(kept)
