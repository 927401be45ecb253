"""Begin and end marks around module calls, and each module's own time from them."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from torch import nn

from vlmeter.measure.clock import Call, CudaEvent, CudaRuntime
from vlmeter.measure.nvml import is_gpu

WHOLE = -1
"""The layer index of the pass itself, whose own time is what no layer accounts for."""


_FIRST_DECODE_STEP = 2
"""The first call of the decoder is the prefill."""


class Mark(NamedTuple):
    """The begin or the end of a layer's call."""

    layer: int
    """Index into the marked layers, or `WHOLE`."""
    step: int
    """How often the decoder had been entered: 0 or 1 is prefill, more is decode."""
    begins: bool
    at: object
    """What the stopwatch gave."""


class Stopwatch(Protocol):
    """Takes marks cheaply and turns them into seconds afterwards."""

    def mark(self) -> object:
        """Return a mark at this point of the work."""

    def finish(self) -> None:
        """Wait until every mark has happened."""

    def seconds(self, start: object, end: object) -> float:
        """Return the time between two marks."""


class HostStopwatch:
    """Marks of the host's clock, for work that is done when its call returns."""

    def mark(self) -> int:
        """Return the host's clock in nanoseconds."""
        return time.perf_counter_ns()

    def finish(self) -> None:
        """Marks of the host's clock have happened."""

    def seconds(self, start: object, end: object) -> float:
        """Return the time between two marks."""
        assert isinstance(start, int)
        assert isinstance(end, int)
        return (end - start) * 1e-9


class CudaStopwatch:
    """Marks as CUDA events in the current stream."""

    def __init__(self, device: str, cuda: CudaRuntime) -> None:
        """Bind to a device.

        Args:
            device: Such as `cuda:0`; it must be the current one while marks are taken.
            cuda: `torch.cuda`, or a fake of it.
        """
        self._device = device
        self._cuda = cuda

    def mark(self) -> CudaEvent:
        """Return an event recorded now."""
        event = self._cuda.Event(enable_timing=True)
        event.record()
        return event

    def finish(self) -> None:
        """Synchronise once for all marks."""
        self._cuda.synchronize(self._device)

    def seconds(self, start: object, end: object) -> float:
        """Return the time between two events."""
        return start.elapsed_time(end) * 1e-3  # type: ignore[attr-defined,no-any-return]


def make_stopwatch(device: str) -> Stopwatch:
    """Return the stopwatch of a device."""
    if is_gpu(device):
        import torch  # noqa: PLC0415  (named only here)

        return CudaStopwatch(device, torch.cuda)  # type: ignore[arg-type]
    return HostStopwatch()


class Recorder:
    """Collects the marks of a pass."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        """Take the marks with this stopwatch."""
        self._mark = stopwatch.mark
        self._marks: list[Mark] = []
        self._step = 0
        self._open = 0

    def run(self, run: Call) -> list[Mark]:
        """Return the marks of one pass, the pass itself first and last.

        Where the decode steps begin, the pass ends and a second one begins.
        """
        self._marks, self._step, self._open = [], 0, 0
        self._take(WHOLE, True)
        run()
        self._take(WHOLE, False)
        return self._marks

    @contextmanager
    def hooked(self, layers: Sequence[nn.Module], decoder: nn.Module | None) -> Iterator[None]:
        """Mark the layers' calls until the end of the block."""
        handles = []
        try:
            if decoder is not None:
                handles.append(decoder.register_forward_pre_hook(self._count_step))
            for index, layer in enumerate(layers):
                handles.append(layer.register_forward_pre_hook(self._begin(index)))
                handles.append(layer.register_forward_hook(self._end(index)))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _take(self, layer: int, begins: bool) -> None:
        self._open += 1 if begins else -1
        self._marks.append(Mark(layer, self._step, begins, self._mark()))

    def _count_step(self, *_: object) -> None:
        self._step += 1
        # Inside a layer there is no place to part the pass: its calls must stay nested.
        if self._step == _FIRST_DECODE_STEP and self._open == 1:
            self._take(WHOLE, False)
            self._take(WHOLE, True)

    def _begin(self, index: int) -> Callable[..., None]:
        def begin(*_: object) -> None:
            self._take(index, True)

        return begin

    def _end(self, index: int) -> Callable[..., None]:
        def end(*_: object) -> None:
            self._take(index, False)

        return end


class OwnTime(NamedTuple):
    """What a layer took itself in one pass, over all its calls."""

    calls: int
    seconds: float


PassTimes = Mapping[int, OwnTime]
"""Own times of one pass, or of its decode steps, by layer."""


def compute_own_times(
    marks: Sequence[Mark], stopwatch: Stopwatch, *, decoding: bool = False
) -> PassTimes:
    """Return the own times of one pass from its nested marks.

    Args:
        marks: Begins and ends in order, the whole pass around them.
        stopwatch: Where the marks came from.
        decoding: Whether those of the decode steps are wanted, or those of all else.
    """
    own: dict[int, OwnTime] = defaultdict(lambda: OwnTime(0, 0.0))
    open_marks: list[Mark] = []
    inner_s: list[float] = []
    for mark in marks:
        if mark.begins:
            open_marks.append(mark)
            inner_s.append(0.0)
            continue
        start = open_marks.pop()
        inclusive = stopwatch.seconds(start.at, mark.at)
        own_s = inclusive - inner_s.pop()
        if decoding == (start.step >= _FIRST_DECODE_STEP):
            calls, seconds = own[start.layer]
            own[start.layer] = OwnTime(calls + 1, seconds + own_s)
        if inner_s:
            inner_s[-1] += inclusive
    return dict(own)


def sum_pass_seconds(own: PassTimes) -> float:
    """Return the time of the whole pass."""
    return math.fsum(time.seconds for time in own.values())
