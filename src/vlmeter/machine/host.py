"""The machine that a process runs on: told cheaply enough for every cell to look.

On a cluster a cell may be measured on another machine than the one that was described. Then the
description's idle watts and peaks are not its own, and it must say so.
"""

import hashlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cpuinfo
import psutil

_CPUINFO = Path("/proc/cpuinfo")
_MODEL_KEYS = ("model name", "cpu model", "CPU part", "machine")
"""What names the processor in /proc/cpuinfo, by architecture."""


def host_digest() -> str:
    """Return what tells this machine's hardware from another kind's, in microseconds.

    Its name is no part of it: a container gets a new one every time it starts.
    """
    told = (
        platform.machine(),
        psutil.cpu_count(logical=True),
        # The kernel's own share differs a little from boot to boot.
        round(psutil.virtual_memory().total / 2**30),
        sorted(_cpu_models()),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def _cpu_models() -> set[str]:
    try:
        lines = _CPUINFO.read_text("utf-8").splitlines()
    except OSError:
        return {platform.processor()}
    return {line.strip() for line in lines if line.startswith(_MODEL_KEYS)}


def describe_host() -> dict[str, Any]:
    """Return the machine's part of `machine.json`; takes a second or two."""
    return {
        "host": host_digest(),
        "cpu": {
            "name": cpuinfo.get_cpu_info().get("brand_raw", platform.processor()),
            "physical_cores": psutil.cpu_count(logical=False),
            "logical_cores": psutil.cpu_count(logical=True),
        },
        "memory_bytes": psutil.virtual_memory().total,
        "os": platform.platform(),
        "container": _container(),
        "python": platform.python_version(),
    }


def is_here(machine: Mapping[str, Any]) -> bool:
    """Say whether a description is of a machine like this one."""
    return bool(machine["host"] == host_digest())


def _container() -> str | None:
    """Return which kind of container this is, where that can be seen."""
    if Path("/.dockerenv").exists():
        return "docker"
    # systemd and podman set this name in lower case.
    return os.environ.get("container") or os.environ.get("APPTAINER_NAME")  # noqa: SIM112
