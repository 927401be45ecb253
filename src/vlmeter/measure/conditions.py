"""What the machine was like at both ends of a measurement, and who else used it meanwhile."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol

import psutil

from vlmeter.measure.nvml import Gpu

_FOREIGN_SHARE = 0.10
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
class Conditions:
    """The conditions block of a record."""

    load_start: float
    load_end: float
    clock_mhz_start: float | None
    """Mean over the processors; None where the system does not tell."""
    clock_mhz_end: float | None
    temperature_c_start: float | None
    """Of the hottest processor sensor."""
    temperature_c_end: float | None
    gpu_clock_mhz_start: float | None
    gpu_clock_mhz_end: float | None
    gpu_temperature_c_start: float | None
    gpu_temperature_c_end: float | None
    gpu_power_limit_w: float | None
    foreign_cpu_share: float | None
    """Share of the machine's processor time that other processes took."""
    window_s: float
    disturbed: bool
    """Other processes took part of the machine, so times and energies are too high."""
    disturbance: str | None
    """Which, in words."""

    def as_dict(self) -> dict[str, object]:
        """The `conditions` block."""
        return asdict(self)


class _Reading(NamedTuple):
    at_s: float
    host: HostReading
    gpu_clock_mhz: float | None
    gpu_temperature_c: float | None
    foreign_pids: frozenset[int]


class ConditionsProbe:
    """Reads the conditions at the start and at the end of a measurement."""

    def __init__(
        self,
        gpu: Gpu | None = None,
        host: Host | None = None,
        now: Callable[[], float] = time.monotonic,
        own_pid: int | None = None,
    ) -> None:
        """Choose what to read.

        Args:
            gpu: The GPU that the measurement runs on.
            host: Instead of the real host, in tests.
            now: Seconds of a monotonic clock.
            own_pid: This process's id, by default the real one.
        """
        self._gpu = gpu
        self._host = host or read_host
        self._now = now
        self._own_pid = os.getpid() if own_pid is None else own_pid
        self._start: _Reading | None = None

    def start(self) -> None:
        """Read the start."""
        self._start = self._read()

    def stop(self) -> Conditions:
        """Read the end and compare."""
        if self._start is None:
            raise RuntimeError("stop was called before start")
        start, end = self._start, self._read()
        share = foreign_share(start.host.cpu, end.host.cpu)
        room = self._gpu is not None and not _is_full(start.host.cpu, end.host.cpu)
        disturbance = _disturbance(None if room else share, start.foreign_pids | end.foreign_pids)
        return Conditions(
            load_start=start.host.load,
            load_end=end.host.load,
            clock_mhz_start=start.host.clock_mhz,
            clock_mhz_end=end.host.clock_mhz,
            temperature_c_start=start.host.temperature_c,
            temperature_c_end=end.host.temperature_c,
            gpu_clock_mhz_start=start.gpu_clock_mhz,
            gpu_clock_mhz_end=end.gpu_clock_mhz,
            gpu_temperature_c_start=start.gpu_temperature_c,
            gpu_temperature_c_end=end.gpu_temperature_c,
            gpu_power_limit_w=None if self._gpu is None else self._gpu.power_limit_w(),
            foreign_cpu_share=share,
            window_s=end.at_s - start.at_s,
            disturbed=disturbance is not None,
            disturbance=disturbance,
        )

    def _read(self) -> _Reading:
        gpu = self._gpu
        return _Reading(
            at_s=self._now(),
            host=self._host(),
            gpu_clock_mhz=None if gpu is None else gpu.sm_clock_mhz(),
            gpu_temperature_c=None if gpu is None else gpu.temperature_c(),
            foreign_pids=frozenset() if gpu is None else self._foreign_pids(gpu),
        )

    def _foreign_pids(self, gpu: Gpu) -> frozenset[int]:
        """Other processes with a context on the GPU.

        In a container NVML shows the host's process ids, in which this process is not found. Then
        a single process is taken to be this one.
        """
        pids = gpu.compute_pids() or []
        if self._own_pid not in pids and len(pids) == 1:
            return frozenset()
        return frozenset(pids) - {self._own_pid}


def foreign_share(start: CpuSeconds, end: CpuSeconds) -> float | None:
    """The share of the machine's processor time between two readings that others took.

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


def _disturbance(share: float | None, foreign_pids: frozenset[int]) -> str | None:
    words = []
    if share is not None and share > _FOREIGN_SHARE:
        words.append(f"other processes took {share:.0%} of the machine's processor time")
    if foreign_pids:
        ids = ", ".join(str(pid) for pid in sorted(foreign_pids))
        words.append(f"other processes were on the GPU (ids {ids})")
    return "; ".join(words) or None


def read_host() -> HostReading:
    """The host now, from psutil."""
    frequency = psutil.cpu_freq() if hasattr(psutil, "cpu_freq") else None
    return HostReading(
        load=psutil.getloadavg()[0],
        clock_mhz=frequency.current if frequency and frequency.current else None,
        temperature_c=_cpu_temperature_c(),
        cpu=_cpu_seconds(),
    )


def _cpu_temperature_c() -> float | None:
    if not hasattr(psutil, "sensors_temperatures"):
        return None
    chips = psutil.sensors_temperatures()
    sensors = [
        sensor.current
        for name in ("coretemp", "k10temp", "cpu_thermal")
        for sensor in chips.get(name, [])
    ]
    return max(sensors, default=None)


def _cpu_seconds() -> CpuSeconds:
    times = psutil.cpu_times()
    # Linux counts guest time in user time as well.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return CpuSeconds(
        busy_s=total - times.idle - getattr(times, "iowait", 0.0),
        total_s=total,
        own_s=_own_seconds(),
    )


def _own_seconds() -> float:
    """Of this process, its live children (compiler workers) and those that have ended."""
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
