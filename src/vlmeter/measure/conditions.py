"""What the machine was like during a measurement, and who else used it meanwhile."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import psutil

from vlmeter.errors import Sentence
from vlmeter.measure.gpu_conditions import GpuWatch, join_watches
from vlmeter.measure.nvml import Gpu
from vlmeter.measure.result import Conditions, GpuConditions

FOREIGN_SHARE = 0.10
"""Of the machine's processors: above this, other processes have slowed the measurement."""
_FULL_SHARE = 0.90
"""A cell on a GPU needs the processors little: others, the cells on other GPUs for instance, slow
it only where hardly any of them is left."""


class CpuSeconds(NamedTuple):
    """Processor time so far, in seconds summed over all processors."""

    busy_s: float
    """Of the whole machine, time that a hypervisor took away included."""
    total_s: float
    """Busy or not."""
    own_s: float
    """Of this process and its children."""


class HostReading(NamedTuple):
    """The host at one moment."""

    load: float
    """Load average of the last minute."""
    clock_mhz: float | None
    temperature_c: float | None
    cpu: CpuSeconds


class Host(Protocol):
    """Reads the host, or a fake of it."""

    def __call__(self) -> HostReading:
        """The host now."""


@dataclass(frozen=True)
class _Moment:
    at_s: float
    host: HostReading


class _Window:
    """What was read of one window."""

    def __init__(self, start: _Moment, gpus: Sequence[Gpu]) -> None:
        self.start = self.end = start
        self.gpus = [GpuWatch(gpu) for gpu in gpus]
        self.foreign_pids: set[int] = set()


class ConditionsProbe:
    """Reads the host at both ends of each window of a measurement, and its GPUs meanwhile too."""

    def __init__(
        self,
        gpus: Sequence[Gpu] = (),
        host: Host | None = None,
        now: Callable[[], float] = time.monotonic,
        own_pid: int | None = None,
    ) -> None:
        """Choose what to read.

        Args:
            gpus: The GPUs that the measurement runs on.
            host: Instead of the real host, in tests.
            now: Seconds of a monotonic clock.
            own_pid: This process's id, by default the real one.
        """
        self._gpus = gpus
        self._host = host or read_host
        self._now = now
        self._own_pids = {os.getpid() if own_pid is None else own_pid}
        self._meets_others = False
        self._windows: list[_Window] = []
        self._dropped = 0

    def start(self) -> None:
        """Begin a window."""
        self._windows.append(_Window(self._read_host(), self._gpus))
        self._look_for_others()

    def sample(self) -> None:
        """Read the GPUs while they work."""
        for watch in self._windows[-1].gpus:
            watch.sample()
        self._look_for_others()

    def stop(self) -> Conditions:
        """End the window and return what it was like."""
        if not self._windows:
            raise RuntimeError("stop was called before start")
        self._windows[-1].end = self._read_host()
        self._look_for_others()
        return self._describe(self._windows[-1:])

    def drop(self) -> None:
        """Forget the last window, which is measured again."""
        self._windows.pop()
        self._dropped += 1

    def summarise(self) -> Conditions:
        """Return what all windows were like together."""
        if not self._windows:
            raise RuntimeError("no window was measured")
        return self._describe(self._windows)

    def _read_host(self) -> _Moment:
        return _Moment(self._now(), self._host())

    def _describe(self, windows: Sequence[_Window]) -> Conditions:
        first, last = windows[0].start, windows[-1].end
        gpus = [join_watches(watches) for watches in zip(*(it.gpus for it in windows), strict=True)]
        disturbance = _describe_disturbance(
            max(self._find_disturbing_share(window) for window in windows),
            set().union(*(window.foreign_pids for window in windows)),
            gpus,
        )
        return Conditions(
            load_start=first.host.load,
            load_end=last.host.load,
            clock_mhz_start=first.host.clock_mhz,
            clock_mhz_end=last.host.clock_mhz,
            temperature_c_start=first.host.temperature_c,
            temperature_c_end=last.host.temperature_c,
            gpus=gpus,
            foreign_cpu_share=compute_foreign_share(
                [(window.start.host.cpu, window.end.host.cpu) for window in windows]
            ),
            window_s=math.fsum(window.end.at_s - window.start.at_s for window in windows),
            windows_repeated=self._dropped,
            disturbed=disturbance is not None,
            disturbance=disturbance,
        )

    def _find_disturbing_share(self, window: _Window) -> float:
        """Return the share of others that slows the work; none where a GPU does it and has room."""
        start, end = window.start.host.cpu, window.end.host.cpu
        if self._gpus and not _is_full(start, end):
            return 0.0
        return compute_foreign_share([(start, end)]) or 0.0

    def _look_for_others(self) -> None:
        """Note other processes with a context on one of the GPUs.

        In a container NVML shows the host's process ids, where this process has another id. Then
        a single process is taken to be this one.
        """
        window = self._windows[-1]
        pids = {pid for watch in window.gpus for pid in watch.gpu.compute_pids() or ()}
        if len(pids) == 1 and not self._meets_others:
            self._own_pids |= pids
        window.foreign_pids |= pids - self._own_pids
        self._meets_others |= bool(window.foreign_pids)


def compute_foreign_share(windows: Sequence[tuple[CpuSeconds, CpuSeconds]]) -> float | None:
    """Return the share of the machine's processor time in some windows that others took.

    Args:
        windows: The readings at the start and the end of each.

    Returns:
        From 0 to 1, or None when no time has passed by the system's count.
    """
    total = math.fsum(end.total_s - start.total_s for start, end in windows)
    if total <= 0:
        return None
    busy = math.fsum(end.busy_s - start.busy_s for start, end in windows)
    own = math.fsum(end.own_s - start.own_s for start, end in windows)
    return min(1.0, max(0.0, (busy - own) / total))


def _is_full(start: CpuSeconds, end: CpuSeconds) -> bool:
    return end.busy_s - start.busy_s > _FULL_SHARE * (end.total_s - start.total_s)


def _describe_disturbance(
    share: float, foreign_pids: set[int], gpus: Sequence[GpuConditions]
) -> str | None:
    words: list[str] = []
    if share > FOREIGN_SHARE:
        words.append(Sentence(f"other processes took {share:.0%} of the machine's processor time"))
    if foreign_pids:
        ids = ", ".join(str(pid) for pid in sorted(foreign_pids))
        words.append(Sentence(f"other processes were on the GPU (ids {ids})"))
    for gpu in gpus:
        if slowdowns := gpu.slowdowns():
            names = ", ".join(slowdowns)
            words.append(Sentence(f"{gpu.device} was slowed down ({names})"))
    return "; ".join(words) or None


def read_host() -> HostReading:
    """Return the host now, from psutil."""
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    return HostReading(
        load=psutil.getloadavg()[0],
        clock_mhz=frequency.current if frequency and frequency.current else None,
        temperature_c=_read_cpu_temperature_c(),
        cpu=_read_cpu_seconds(),
    )


def _read_cpu_temperature_c() -> float | None:
    if not hasattr(psutil, "sensors_temperatures"):
        return None
    chips = psutil.sensors_temperatures()
    sensors = [
        sensor.current
        for name in ("coretemp", "k10temp", "cpu_thermal")
        for sensor in chips.get(name, [])
    ]
    return max(sensors, default=None)


def _read_cpu_seconds() -> CpuSeconds:
    times = psutil.cpu_times()
    # Linux counts guest time in user time as well.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return CpuSeconds(
        busy_s=total - times.idle - getattr(times, "iowait", 0.0),
        total_s=total,
        own_s=_read_own_seconds(),
    )


def _read_own_seconds() -> float:
    """Return those of this process, its live children (compiler workers) and ended ones."""
    process = psutil.Process()
    own = process.cpu_times()
    seconds = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:
            continue
        seconds += times.user + times.system
    return float(seconds)
