"""How calls are timed on each kind of device, behind one small interface."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from vlmeter.measure.nvml import is_gpu

Call = Callable[[], object]
"""One unit of work, such as a forward pass of one prepared batch."""


class Clock(Protocol):
    """Times calls on one device."""

    @property
    def name(self) -> str:
        """How it times: `perf_counter_ns` or `cuda_events`."""

    def now(self) -> float:
        """The host's monotonic time, in seconds."""

    def synchronize(self) -> None:
        """Wait until the device has finished all work given to it."""

    def time_calls(self, calls: Sequence[Call]) -> list[float]:
        """Run the calls in order and return the seconds that each took."""


class CpuClock:
    """Times calls that are finished when they return."""

    name = "perf_counter_ns"

    def now(self) -> float:
        """The host's monotonic time, in seconds."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Nothing is pending on the host."""

    def time_calls(self, calls: Sequence[Call]) -> list[float]:
        """Run the calls in order and return the seconds that each took."""
        marks = []
        for call in calls:
            start = time.perf_counter_ns()
            call()
            marks.append((start, time.perf_counter_ns()))
        return [(end - start) * 1e-9 for start, end in marks]


class CudaEvent(Protocol):
    """The part of `torch.cuda.Event` that timing needs."""

    def record(self) -> None:
        """Mark this point in the current stream."""

    def elapsed_time(self, end_event: "CudaEvent", /) -> float:
        """Milliseconds from this mark to the other one."""


class CudaRuntime(Protocol):
    """The part of the `torch.cuda` module that timing needs."""

    def Event(self, *, enable_timing: bool) -> CudaEvent:  # noqa: N802
        """A new mark."""

    def synchronize(self, device: str) -> None:
        """Wait for all streams of the device."""

    def device(self, device: str) -> AbstractContextManager[object]:
        """Make the device the current one."""


class CudaClock:
    """Times calls with a pair of CUDA events around each, and one synchronise at the end.

    A synchronise per call would add the launch latency to every time and let the device run dry.
    Without it a call's time is the time that the stream spends on it: while the host keeps ahead
    that is the device's own time, and where the host is the slower one it includes the wait for
    the host, as it does in use.
    """

    name = "cuda_events"

    def __init__(self, device: str, cuda: CudaRuntime) -> None:
        """Bind the clock to a device.

        Args:
            device: Such as `cuda:0`.
            cuda: `torch.cuda`, or a fake of it.
        """
        self._device = device
        self._cuda = cuda

    def now(self) -> float:
        """The host's monotonic time, in seconds."""
        return time.perf_counter()

    def synchronize(self) -> None:
        """Wait until the device has finished all work given to it."""
        self._cuda.synchronize(self._device)

    def time_calls(self, calls: Sequence[Call]) -> list[float]:
        """Run the calls in order and return the seconds that each took."""
        with self._cuda.device(self._device):
            pairs = [(self._event(), self._event()) for _ in calls]
            for call, (start, end) in zip(calls, pairs, strict=True):
                start.record()
                call()
                end.record()
            self._cuda.synchronize(self._device)
        return [start.elapsed_time(end) * 1e-3 for start, end in pairs]

    def _event(self) -> CudaEvent:
        return self._cuda.Event(enable_timing=True)


def make_clock(device: str) -> Clock:
    """Return a device's clock: CUDA events for `cuda` and `cuda:N`, else the host's counter."""
    if is_gpu(device):
        import torch  # noqa: PLC0415  (a CPU clock must not cost torch's import)

        return CudaClock(device, torch.cuda)  # type: ignore[arg-type]
    return CpuClock()


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Keep the garbage collector out of the timed calls, as `timeit` does."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
