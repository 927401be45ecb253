"""Stands in for `torch.cuda`: cards that work behind the host, seen in the order they are shown."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

from simulation.card import Card
from simulation.clock import SimulatedTime
from vlmeter.measure.clock import CudaClock

RECORD_S = 1e-6
EMPTY_CACHE_S = 2.0
"""Giving memory back waits for the device and for the driver; the cards rest meanwhile."""
CAPABILITY = (9, 0)


class Event:
    """A mark in the queue of the current card.

    Read before it has happened it shows the present moment, which is a wrong one.
    """

    def __init__(self, cuda: "SimulatedCuda") -> None:
        """Belong to a runtime."""
        self._cuda = cuda

    def record(self, stream: object = None) -> None:
        """Mark the end of what is queued."""
        card = self._cuda.current
        self._cuda.time.spend(RECORD_S)
        self.at_s = max(self._cuda.time.now_s, card.busy_until_s)

    def elapsed_time(self, end_event: "Event") -> float:
        """Return the milliseconds between two marks."""
        now_s = self._cuda.time.now_s
        return 1e3 * (min(end_event.at_s, now_s) - min(self.at_s, now_s))


class SimulatedCuda:
    """The part of `torch.cuda` that the package calls."""

    def __init__(self, time: SimulatedTime, show: Callable[[], Sequence[Card]]) -> None:
        """See the cards that `show` returns, in its order."""
        self.time, self._show = time, show
        self._current = 0

    @property
    def cards(self) -> Sequence[Card]:
        """The cards that the process sees."""
        return self._show()

    @property
    def current(self) -> Card:
        """The card that work goes to where none is named."""
        return self.cards[self._current]

    def _find(self, device: object = None) -> Card:
        index = str(device).partition(":")[2] if isinstance(device, str) else device
        return self.current if index in (None, "") else self.cards[int(index)]

    def Event(self, *, enable_timing: bool = False) -> Event:
        assert enable_timing
        return Event(self)

    def synchronize(self, device: object = None) -> None:
        self.time.wait_until(self._find(device).busy_until_s)

    @contextmanager
    def device(self, device: object):
        before, self._current = self._current, self.cards.index(self._find(device))
        try:
            yield
        finally:
            self._current = before

    def init(self) -> None:
        for card in self.cards:
            card.has_context = True

    def is_available(self) -> bool:
        return bool(self.cards)

    def device_count(self) -> int:
        return len(self.cards)

    def current_device(self) -> int:
        return self._current

    def is_bf16_supported(self, *_: object) -> bool:
        return True

    def get_device_capability(self, device: object = None) -> tuple[int, int]:
        return CAPABILITY

    def get_arch_list(self) -> list[str]:
        return ["sm_90"]

    def get_device_properties(self, device: object = None) -> SimpleNamespace:
        card = self._find(device)
        major, minor = CAPABILITY
        uuid = card.uuid.removeprefix("GPU-")
        return SimpleNamespace(uuid=uuid, name="Simulated GPU", major=major, minor=minor)

    def empty_cache(self) -> None:
        for card in self.cards:
            self.time.wait_until(card.busy_until_s)
            card.memory.empty_cache()
        self.time.sleep(EMPTY_CACHE_S)

    def reset_peak_memory_stats(self, device: object = None) -> None:
        card = self._find(device)
        if not card.has_context:
            raise RuntimeError("there are no statistics before the context")
        card.memory.reset_peaks()

    def max_memory_allocated(self, device: object = None) -> int:
        return self._find(device).memory.peak_allocated

    def max_memory_reserved(self, device: object = None) -> int:
        return self._find(device).memory.peak_reserved


def make_cuda(time: SimulatedTime, cards: int = 1) -> SimulatedCuda:
    """Return a runtime that sees so many cards that have not rested."""
    made = [Card(time, index) for index in range(cards)]
    for card in made:
        card.busy_until_s = time.now_s
    return SimulatedCuda(time, lambda: made)


def make_card_clock(cuda: SimulatedCuda, device: str = "cuda:0") -> CudaClock:
    """Return the package's clock of a device, with the host's time that is simulated."""
    clock = CudaClock(device, cuda)
    clock.now = lambda: cuda.time.now_s
    return clock
