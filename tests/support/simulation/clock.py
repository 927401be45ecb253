"""The host's time, which passes only when something takes some, and the threads that see it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

from vlmeter.measure.energy import counter_window


class SimulatedTime:
    """The time of a host. `on_work` is called with what the process itself is busy for."""

    def __init__(self, now_s: float = 0.0, poll_every_s: float | None = None) -> None:
        """Begin at a moment; threads poll as often as they ask for, or as is given."""
        self.now_s = now_s
        self.on_work: Callable[[float, float, float | None], None] = lambda *_: None
        self.threads = _Threads(self, poll_every_s)
        self._polls: dict[object, _Poll] = {}
        self._is_polling = False

    @property
    def wall_s(self) -> float:
        """What a clock shows that somebody sets back by an hour, and on again, every second."""
        return self.now_s - 3600.0 * (self.now_s // 1.0 % 2.0)

    def spend(self, seconds: float, watts: float | None = None) -> None:
        """Let the process be busy for a while, in which the host draws this power."""
        begun_s = self.now_s
        self.on_work(begun_s, begun_s + seconds, watts)
        self._pass(seconds)

    def sleep(self, seconds: float) -> None:
        """Let time pass in which the process rests."""
        self._pass(seconds)

    def wait_until(self, at_s: float) -> None:
        """Be busy waiting until a moment that may be over."""
        if at_s > self.now_s:
            self.spend(at_s - self.now_s)

    def _pass(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while self._polls and not self._is_polling:
            poll = min(self._polls.values(), key=lambda each: each.due_s)
            if poll.due_s > end_s:
                break
            self.now_s = max(self.now_s, poll.due_s)
            poll.due_s += poll.every_s
            self._is_polling = True
            try:
                poll.run()
            finally:
                self._is_polling = False
        self.now_s = max(end_s, self.now_s)

    def call(self, *costs_s: float) -> Callable[[], None]:
        """Return a call that takes the given times in turn, and the last one from then on."""
        costs = list(costs_s)

        def step() -> None:
            self.spend(costs.pop(0) if len(costs) > 1 else costs[0])

        return step

    def as_module(self) -> SimpleNamespace:
        """Return what stands in for the module `time`."""
        return SimpleNamespace(
            perf_counter=lambda: self.now_s,
            perf_counter_ns=lambda: round(self.now_s * 1e9),
            monotonic=lambda: self.now_s,
            time=lambda: self.wall_s,
            CLOCK_BOOTTIME="boot",
            clock_gettime=lambda _: self.now_s,
            sleep=self.sleep,
        )

    @contextmanager
    def follow(self, windows: object, now: Callable[[], float]) -> Iterator[None]:
        """Follow counters as the package does, in a thread of this time."""
        with mock.patch.object(counter_window, "threading", self.threads):  # noqa: SIM117
            with counter_window.follow(windows, now):
                yield

    def start_poll(self, thread: object, every_s: float, run: Callable[[], None]) -> None:
        """Run a thread's work again and again."""
        self._polls[thread] = _Poll(every_s, self.now_s + every_s, run)

    def end_poll(self, thread: object) -> None:
        """End a thread."""
        self._polls.pop(thread, None)


class _Poll:
    def __init__(self, every_s: float, due_s: float, run: Callable[[], None]) -> None:
        self.every_s, self.due_s, self.run = every_s, due_s, run


class _Threads:
    """Stands in for `threading` where a thread's work is `while not done.wait(period): ...`.

    The loop is entered anew for each turn: its first wait ends by time, its second by the end.
    """

    def __init__(self, clock: SimulatedTime, every_s: float | None) -> None:
        self.period_s = every_s
        self._clock, self._every_s = clock, every_s

    def Event(self) -> "_Done":
        return _Done(self)

    def Thread(self, target: Callable[[], None], **_: object) -> "_Thread":
        return _Thread(self, self._clock, target)


class _Done:
    def __init__(self, threads: _Threads) -> None:
        self._threads = threads
        self._is_set = self._is_inside = False

    def wait(self, timeout: float) -> bool:
        self._threads.period_s = self._threads._every_s or timeout
        self._is_inside = not self._is_inside
        return self._is_set or not self._is_inside

    def set(self) -> None:
        self._is_set = True


class _Thread:
    def __init__(self, threads: _Threads, clock: SimulatedTime, target: Callable[[], None]) -> None:
        self._threads, self._clock, self._target = threads, clock, target

    def start(self) -> None:
        # The first turn says how long the thread waits between two.
        self._target()
        assert self._threads.period_s is not None
        self._clock.start_poll(self, self._threads.period_s, self._target)

    def join(self) -> None:
        self._clock.end_poll(self)


class HostClock:
    """The clock of a device whose work is done when a call returns, in a simulated time."""

    name = "simulated"

    def __init__(self, clock: SimulatedTime) -> None:
        """Read this time."""
        self.time = clock

    def now(self) -> float:
        """Return the host's time."""
        return self.time.now_s

    def synchronize(self) -> None:
        """Nothing is pending."""

    def time_calls(self, calls: object) -> list[float]:
        """Run the calls and return what each took."""
        seconds = []
        for call in calls:
            begun_s = self.time.now_s
            call()
            seconds.append(self.time.now_s - begun_s)
        return seconds


class HostStopwatch:
    """Marks of a simulated time."""

    def __init__(self, clock: SimulatedTime) -> None:
        """Read this time."""
        self.time = clock

    def mark(self) -> float:
        """Return the host's time."""
        return self.time.now_s

    def finish(self) -> None:
        """Nothing is pending."""

    def seconds(self, start: float, end: float) -> float:
        """Return the time between two marks."""
        return end - start
