"""The machine that a process runs on, by a digest that every cell can afford to compute.

On a cluster a cell may be measured on another machine than the one that was described. Then the
description's idle watts and peaks are not its own, and it must say so.
"""

import hashlib
import os
import platform
from pathlib import Path

import cpuinfo
import psutil

from vlmeter.machine.description import Cpu, Host

_CPUINFO = Path("/proc/cpuinfo")
_MODEL_KEYS = ("model name", "cpu model", "CPU part", "machine")
"""What names the processor in /proc/cpuinfo, by architecture."""


def compute_host_digest() -> str:
    """Return a digest that another kind of hardware does not have, in microseconds.

    The host's name is no part of it: a container gets a new name every time it starts.
    """
    hardware = (
        platform.machine(),
        psutil.cpu_count(logical=True),
        # The kernel's own share differs a little from boot to boot.
        round(psutil.virtual_memory().total / 2**30),
        sorted(_read_cpu_models()),
    )
    return hashlib.sha256(repr(hardware).encode()).hexdigest()[:16]


def _read_cpu_models() -> set[str]:
    try:
        lines = _CPUINFO.read_text("utf-8").splitlines()
    except OSError:
        return {platform.processor()}
    return {line.strip() for line in lines if line.startswith(_MODEL_KEYS)}


def describe_host() -> Host:
    """Return what this machine is; takes a second or two."""
    return Host(
        host=compute_host_digest(),
        cpu=Cpu(
            name=cpuinfo.get_cpu_info().get("brand_raw", platform.processor()),
            physical_cores=psutil.cpu_count(logical=False),
            logical_cores=psutil.cpu_count(logical=True),
        ),
        memory_bytes=psutil.virtual_memory().total,
        os=platform.platform(),
        container=_detect_container(),
        python=platform.python_version(),
    )


def is_here(host: Host) -> bool:
    """Say whether a description is of a machine like this one."""
    return host.host == compute_host_digest()


def _detect_container() -> str | None:
    """Return which kind of container this is, where that can be seen."""
    if Path("/.dockerenv").exists():
        return "docker"
    # systemd and podman set this name in lower case.
    return os.environ.get("container") or os.environ.get("APPTAINER_NAME")  # noqa: SIM112
