"""Takes marks on the clock of a device."""

import time
from typing import Protocol

from vlmeter.measure.clock import CudaEvent, CudaRuntime
from vlmeter.measure.nvml import is_gpu


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
