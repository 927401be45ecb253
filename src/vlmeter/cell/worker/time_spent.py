"""What a cell's process spends its time on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from vlmeter.machine.warm import WAIT_FOR_FORK_S

MEASURED = ("answers", "costs", "request", "flops")
"""What a cell is run for."""


class TimeSpent:
    """Adds up the seconds of this process by what they were spent on."""

    def __init__(self) -> None:
        """Count what lies behind, imports for the most part, as `start`.

        In a fork of the run's server that is mostly `wait_for_fork`, which no other cell has.
        """
        self._begun = time.perf_counter()
        wait_s = WAIT_FOR_FORK_S.get()
        self._seconds = {"start": _read_age_s() + (wait_s or 0.0)}
        if wait_s is not None:
            self._seconds["wait_for_fork"] = wait_s

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time inside as spent on `what`."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - begun
            self._seconds[what] = self._seconds.get(what, 0.0) + taken

    def as_dict(self) -> dict[str, float]:
        """Return the `time_spent_s` block: seconds by what, `whole`, and `share_measured` of it."""
        whole = self._seconds["start"] + time.perf_counter() - self._begun
        measured = sum(self._seconds.get(what, 0.0) for what in MEASURED)
        return {**self._seconds, "whole": whole, "share_measured": measured / whole}


def _read_age_s() -> float:
    """Return how long this process has lived."""
    begun_s: float = psutil.Process().create_time()
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return max(0.0, time.time() - begun_s)
    # Linux tells the moment of its boot in whole seconds, and psutil adds it: a fork of this very
    # moment would be up to a second old.
    boot_s: float = psutil.boot_time()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - (begun_s - boot_s)
