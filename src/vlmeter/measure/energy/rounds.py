"""The rounds of an energy window: whole batches, with every counter read around them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice

from vlmeter.measure.clock import Call, Clock
from vlmeter.measure.energy.codecarbon import PowerTracker
from vlmeter.measure.energy.counter_window import CounterWindow
from vlmeter.measure.result import WindowEnd
from vlmeter.measure.stopping import StoppingRule, run_rounds

Follow = Callable[[Sequence[CounterWindow], Callable[[], float]], AbstractContextManager[None]]
"""Times the ticks of counters meanwhile: `counter_window.follow`, or a fake of it."""

_CHUNK_S = 0.25
"""The device is synchronised and the counters are read about this often within a round."""
_MOST_UPDATES = 5
"""After so many update intervals a tick is no longer waited for."""


@dataclass(frozen=True)
class Rounds:
    """What happened in all rounds together."""

    seconds: list[float]
    """Of each round."""
    batches: list[int]
    tracked_j: list[Mapping[str, float]]
    """codecarbon's joules of each round."""
    counters: list[CounterWindow]


Judge = Callable[[Rounds], float]
"""Returns what the last round gave per sample."""


@dataclass(frozen=True)
class Runner:
    """Runs calls in rounds."""

    calls: Iterator[Call]
    clock: Clock
    tracker: PowerTracker
    counters: Sequence[CounterWindow]
    watch: Callable[[], None]
    """Called about every 0.25 s, while the device still works."""

    def run(
        self,
        window_s: float,
        least_round_s: float,
        rule: StoppingRule,
        judge: Judge,
        follow: Follow,
    ) -> tuple[Rounds, WindowEnd]:
        """Run rounds of at least so many seconds until they are enough.

        Around every round the same work goes on until each counter has moved, so that the power at
        both ends is that of the work; these calls are in no round.

        Args:
            window_s: Seconds after which the rounds are enough in any case.
            least_round_s: What a round needs for a valid figure, as far as the window is that long.
            rule: When they are enough before that.
            judge: Gives the rule what it looks at.
            follow: Times the ticks of counters meanwhile.
        """
        rounds = Rounds([], [], [], list(self.counters))
        per_call_s = self._time_one()
        longest_s = window_s / rule.looks[0]
        round_s = min(longest_s, max(window_s / rule.most_rounds, least_round_s))

        def run_round() -> tuple[float]:
            self._run_round(rounds, round_s, per_call_s)
            self._work_until_ticks()
            return (judge(rounds),)

        with follow(self._ticking(), self.clock.now):
            self._work_until_ticks()
            end = run_rounds(run_round, rule, lambda: math.fsum(rounds.seconds) >= window_s)
        return rounds, end

    def _run_round(self, rounds: Rounds, round_s: float, per_call_s: float) -> None:
        # Whatever came before has been waited for, so nothing of it is in the round.
        self.tracker.start()
        start_s = self._read_counters()
        end_s, batches = start_s, 0
        while (left_s := round_s - (end_s - start_s)) > 0 or not batches:
            count = max(1, int(min(_CHUNK_S, left_s) / per_call_s))
            for call in islice(self.calls, count):
                call()
            self.watch()
            self.clock.synchronize()
            batches += count
            end_s = self._read_counters()
        rounds.tracked_j.append(self.tracker.stop())
        rounds.seconds.append(end_s - start_s)
        rounds.batches.append(batches)
        for counter in self.counters:
            counter.end_round(start_s, end_s)

    def _read_counters(self) -> float:
        """Read the counters that are up to date whenever they are read, and return the time."""
        at_s = self.clock.now()
        for counter in self.counters:
            if counter.is_prompt:
                counter.read(at_s)
        return at_s

    def _work_until_ticks(self) -> None:
        begun_s = self.clock.now()
        ticking = self._ticking()
        longest_s = _MOST_UPDATES * max(
            (window.counter.update_s for window in ticking), default=0.0
        )
        while not all(counter.has_ticked_since(begun_s) for counter in ticking):
            if self.clock.now() - begun_s >= longest_s:
                return
            next(self.calls)()
            self.clock.synchronize()

    def _ticking(self) -> list[CounterWindow]:
        return [counter for counter in self.counters if not counter.is_prompt]

    def _time_one(self) -> float:
        self.clock.synchronize()
        start_s = self.clock.now()
        next(self.calls)()
        self.clock.synchronize()
        return max(self.clock.now() - start_s, 1e-6)
