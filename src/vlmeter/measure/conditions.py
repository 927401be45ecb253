"""What the machine was like during a measurement, and who else used it meanwhile."""

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import psutil

from vlmeter.errors import Sentence
from vlmeter.measure.gpu_conditions import GpuWatch
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


class ConditionsProbe:
    """Reads the host at the start and the end of a measurement, and its GPUs meanwhile as well."""

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
        self._gpus = [GpuWatch(gpu) for gpu in gpus]
        self._host = host or read_host
        self._now = now
        self._own_pids = {os.getpid() if own_pid is None else own_pid}
        self._foreign_pids: set[int] = set()
        self._start: tuple[float, HostReading] | None = None

    def start(self) -> None:
        """Read the start."""
        self._start = self._now(), self._host()
        self._look_for_others()

    def sample(self) -> None:
        """Read the GPUs while they work."""
        for watch in self._gpus:
            watch.sample()
        self._look_for_others()

    def stop(self) -> Conditions:
        """Read the end and compare."""
        if self._start is None:
            raise RuntimeError("stop was called before start")
        (start_s, start), (end_s, end) = self._start, (self._now(), self._host())
        self._look_for_others()
        share = compute_foreign_share(start.cpu, end.cpu)
        room = bool(self._gpus) and not _is_full(start.cpu, end.cpu)
        gpus = [watch.summarise() for watch in self._gpus]
        disturbance = _describe_disturbance(None if room else share, self._foreign_pids, gpus)
        return Conditions(
            load_start=start.load,
            load_end=end.load,
            clock_mhz_start=start.clock_mhz,
            clock_mhz_end=end.clock_mhz,
            temperature_c_start=start.temperature_c,
            temperature_c_end=end.temperature_c,
            gpus=gpus,
            foreign_cpu_share=share,
            window_s=end_s - start_s,
            disturbed=disturbance is not None,
            disturbance=disturbance,
        )

    def _look_for_others(self) -> None:
        """Note other processes with a context on one of the GPUs.

        In a container NVML shows the host's process ids, where this process has another id. Then
        a single process is taken to be this one.
        """
        pids = {pid for watch in self._gpus for pid in watch.gpu.compute_pids() or ()}
        if len(pids) == 1 and not self._foreign_pids:
            self._own_pids |= pids
        self._foreign_pids |= pids - self._own_pids


def compute_foreign_share(start: CpuSeconds, end: CpuSeconds) -> float | None:
    """Return the share of the machine's processor time between two readings that others took.

    Returns:
        From 0 to 1, or None when no time has passed by the system's count.
    """
    total = end.total_s - start.total_s
    if total <= 0:
        return None
    foreign = (end.busy_s - start.busy_s) - (end.own_s - start.own_s)
    return min(1.0, max(0.0, foreign / total))


def _is_full(start: CpuSeconds, end: CpuSeconds) -> bool:
    return end.busy_s - start.busy_s > _FULL_SHARE * (end.total_s - start.total_s)


def _describe_disturbance(
    share: float | None, foreign_pids: set[int], gpus: Sequence[GpuConditions]
) -> str | None:
    words: list[str] = []
    if share is not None and share > FOREIGN_SHARE:
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
