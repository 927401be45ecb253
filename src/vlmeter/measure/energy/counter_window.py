"""One energy counter followed through the rounds of a window.

A counter that moves every 0.1 s shows at any moment what it counted up to its last tick, so the two
ends of a round would each be wrong by up to that time. Here its ticks are timed, while the device
works on, and a round's ends are interpolated between them.
"""

import math
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vlmeter.errors import Sentence
from vlmeter.measure.energy.counters import EnergyCounter

PROMPT_S = 0.01
"""A counter that moves at least this often is up to date whenever it is read."""
_POLL_S = 0.001
_PAUSE = 0.7
"""After a tick the counter is left alone for this share of its update interval."""
_TIMED = 0.1
"""A tick is timed when the readings around it lie within this share of the update interval."""


class CounterWindow:
    """Follows one counter."""

    def __init__(self, counter: EnergyCounter) -> None:
        """Follow this counter; nothing is read yet."""
        self.counter = counter
        self._rounds: list[tuple[float, float]] = []
        self._moments_s: list[float] = []
        """When the counter's value is certain: at its readings, or at its ticks ..."""
        self._joules: list[float] = []
        """... and what it had counted then, since the first reading."""
        self._moved_s: list[float] = []
        """When it was seen to have moved."""
        self._total_j = 0.0
        self._last: tuple[float, float] | None = None
        """Time and value of the last reading."""
        self._checked: tuple[float, float] | None = None
        self._due = 0
        self._moved = 0
        self._pause_until_s = -math.inf
        self._problem: str | None = None

    @property
    def is_prompt(self) -> bool:
        """Whether reading it at both ends of a round is enough; otherwise its ticks are timed."""
        return self.counter.update_s <= PROMPT_S

    def poll(self, at_s: float) -> None:
        """Read the counter unless it has moved only just now."""
        if at_s >= self._pause_until_s:
            self.read(at_s)

    def read(self, at_s: float) -> None:
        """Read the counter.

        Args:
            at_s: The time, in seconds of any clock.
        """
        value = self.counter.read_j()
        if value is None:
            self._problem = Sentence("the counter could not be read")
            return
        before, self._last = self._last, (at_s, value)
        if before is None:
            self._checked = (at_s, 0.0)
        else:
            self._add(before, at_s, value)
        if self.is_prompt:
            self._note(at_s)

    def end_round(self, start_s: float, end_s: float) -> None:
        """Note that a round went from the first moment to the second."""
        self._rounds.append((start_s, end_s))

    def has_ticked_since(self, at_s: float) -> bool:
        """Return whether a tick was timed after this moment."""
        return bool(self._moments_s) and self._moments_s[-1] > at_s

    @property
    def rounds_j(self) -> list[float]:
        """Joules of each round; zero where they are unknown, for which there is a problem."""
        return [self._between(start_s, end_s) for start_s, end_s in self._rounds]

    def find_problem(self, min_updates: int) -> str | None:
        """Return why the counter gives no figure for the window, or None when it does.

        Args:
            min_updates: Updates that each round must hold.
        """
        if self._problem is not None:
            return self._problem
        shortest_s = min((end_s - start_s for start_s, end_s in self._rounds), default=0.0)
        updates = round(shortest_s / self.counter.update_s)
        if updates < min_updates:
            return Sentence(
                f"a round of {shortest_s:.3g} s holds about {updates} updates of the counter and"
                f" {min_updates} are needed: lengthen the window, or split it into fewer rounds"
            )
        if not all(self._moved_within(*ends) for ends in self._rounds):
            return Sentence("the counter did not move for a whole round")
        if self._moved < self._due / 2:
            still = self._due - self._moved
            return Sentence(f"the counter stood still in {still} of {self._due} readings")
        if min(self.rounds_j) <= 0:
            return Sentence(
                "the counter's ticks could not be timed before and after each round: it moves less"
                " often than is known of it, or the processor was too busy"
            )
        return None

    def _add(self, before: tuple[float, float], at_s: float, value: float) -> None:
        before_s, before_value = before
        advance = value - before_value
        if advance < 0 and self.counter.wrap_j is not None:
            advance += self.counter.wrap_j
        if advance < 0:
            self._problem = Sentence("the counter went backwards, as after a reload of the driver")
            advance = 0.0
        self._total_j += advance
        if advance > 0:
            self._moved_s.append(at_s)
            if not self.is_prompt and at_s - before_s <= _TIMED * self.counter.update_s:
                self._note((before_s + at_s) / 2)
                self._pause_until_s = at_s + _PAUSE * self.counter.update_s
        self._check(at_s)

    def _note(self, at_s: float) -> None:
        self._joules.append(self._total_j)
        # Last, since another thread looks at the moments to see what is there.
        self._moments_s.append(at_s)

    def _check(self, at_s: float) -> None:
        """Check that the counter has moved, two update intervals apart."""
        checked_s, checked_j = self._checked or (at_s, 0.0)
        if at_s - checked_s >= 2 * self.counter.update_s:
            self._due += 1
            self._moved += self._total_j > checked_j
            self._checked = (at_s, self._total_j)

    def _moved_within(self, start_s: float, end_s: float) -> bool:
        return any(start_s < at_s <= end_s for at_s in self._moved_s)

    def _between(self, start_s: float, end_s: float) -> float:
        start_j, end_j = self._at(start_s), self._at(end_s)
        return 0.0 if start_j is None or end_j is None else end_j - start_j

    def _at(self, at_s: float) -> float | None:
        """Return the joules at a moment, in a straight line between those before and after it."""
        after = bisect_left(self._moments_s, at_s)
        if after == len(self._moments_s):
            return None
        if self._moments_s[after] == at_s:
            return self._joules[after]
        if after == 0:
            return None
        start_s, end_s = self._moments_s[after - 1 : after + 1]
        start_j, end_j = self._joules[after - 1 : after + 1]
        return start_j + (end_j - start_j) * (at_s - start_s) / (end_s - start_s)


@contextmanager
def follow(windows: Sequence[CounterWindow], now: Callable[[], float]) -> Iterator[None]:
    """Time the ticks of counters meanwhile, in a thread: a call may block for longer than a tick.

    A reading takes some microseconds, during which the interpreter is free for the calls.

    Args:
        windows: Those whose ticks are to be timed; without any there is no thread.
        now: The clock of the rounds, in seconds.
    """
    if not windows:
        yield
        return
    done = threading.Event()

    def poll() -> None:
        while not done.wait(_POLL_S):
            for window in windows:
                window.poll(now())

    thread = threading.Thread(target=poll, name="energy counters", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
