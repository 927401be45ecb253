"""A process is given no more threads than it may use cores."""

import math
import os
from pathlib import Path

import pytest

from vlmeter.machine import cores
from vlmeter.machine.cores import count_cpu_threads, read_cpu_quota


@pytest.fixture
def cgroups(tmp_path: Path) -> Path:
    return tmp_path / "cgroup"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def read(cgroups: Path, membership: str) -> float:
    file = cgroups.parent / "membership"
    file.write_text(membership)
    return read_cpu_quota(file, cgroups)


def test_a_group_without_a_limit_has_none(cgroups: Path) -> None:
    write(cgroups / "a", cpu__max="max 100000\n")
    assert read(cgroups, "0::/a\n") == math.inf
    assert read_cpu_quota(cgroups / "missing", cgroups) == math.inf


@pytest.mark.parametrize(("text", "quota"), [("150000 100000\n", 1.5), ("20000 10000", 2.0)])
def test_a_limit_is_the_time_of_so_many_cores(cgroups: Path, text: str, quota: float) -> None:
    write(cgroups / "a", cpu__max=text)
    assert read(cgroups, "0::/a\n") == quota


def test_the_narrowest_group_around_a_process_limits_it(cgroups: Path) -> None:
    write(cgroups / "slice/job/step", cpu__max="max 100000")
    write(cgroups / "slice/job", cpu__max="300000 100000")
    write(cgroups / "slice", cpu__max="800000 100000")
    assert read(cgroups, "0::/slice/job/step\n") == 3.0


def test_in_a_container_the_group_is_the_root_itself(cgroups: Path) -> None:
    write(cgroups, cpu__max="250000 100000")
    assert read(cgroups, "0::/docker/of-the-host\n") == 2.5


def test_version_1_has_a_limit_too(cgroups: Path) -> None:
    write(cgroups / "cpu,cpuacct/a", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    write(cgroups / "memory/a", cpu__cfs_quota_us="1", cpu__cfs_period_us="100000")
    assert read(cgroups, "4:cpu,cpuacct:/a\n3:memory:/a\n") == 0.5
    write(cgroups / "cpu,cpuacct/a", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert read(cgroups, "4:cpu,cpuacct:/a\n") == math.inf


@pytest.mark.parametrize(
    ("physical", "affinity", "quota", "threads"),
    [(8, 16, math.inf, 8), (8, 4, math.inf, 4), (8, 16, 2.5, 2), (8, 16, 0.5, 1), (None, 3, 9, 1)],
)
def test_a_cell_has_a_thread_for_each_whole_core_that_it_may_use(
    monkeypatch, physical, affinity, quota, threads
) -> None:
    monkeypatch.setattr(cores.psutil, "cpu_count", lambda *, logical: physical)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(affinity)))
    monkeypatch.setattr(cores, "read_cpu_quota", lambda: quota)
    assert count_cpu_threads(None) == threads
    assert count_cpu_threads(5) == 5
