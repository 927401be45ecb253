"""How many CPU cores a process may use: of the machine, of its affinity and of its cgroups."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def count_cpu_threads(wanted: int | None) -> int:
    """Return how many threads a cell computes with: by default the physical cores it may use."""
    if wanted is not None:
        return wanted
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False)
    limits = (physical or 1, usable or 1, read_cpu_quota())
    # A part of a core more would be a thread that the kernel stops again and again.
    return max(1, math.floor(min(limits)))


def read_cpu_quota(membership: Path = _MEMBERSHIP, cgroups: Path = _CGROUPS) -> float:
    """Return how many cores' time the cgroups of this process may use; infinity without a limit.

    Containers, SLURM and systemd limit a process so, and `os.cpu_count` does not show it. Reads
    `cpu.max` of version 2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1, of the group
    of the process and of all groups around it.
    """
    return min(_list_quotas(membership, cgroups), default=math.inf)


def _list_quotas(membership: Path, cgroups: Path) -> Iterator[float]:
    for folder in _list_groups(membership, cgroups):
        # The quota of a group without a limit is "max", which is no number.
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text("utf-8").split()
            yield int(quota) / int(period)
        with suppress(OSError, ValueError):
            quota_us = int((folder / "cpu.cfs_quota_us").read_text("utf-8"))
            if quota_us > 0:
                yield quota_us / int((folder / "cpu.cfs_period_us").read_text("utf-8"))


def _list_groups(membership: Path, cgroups: Path) -> Iterator[Path]:
    """Yield the folders of the process's groups and of those around them."""
    try:
        lines = membership.read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / controllers if controllers else cgroups
        group = root / name.lstrip("/")
        # In a container the name is that of the host, and the group is the root itself.
        yield from dict.fromkeys(
            (group, *(p for p in group.parents if p.is_relative_to(root)), root)
        )
