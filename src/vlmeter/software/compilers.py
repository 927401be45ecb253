"""What `torch.compile` needs of the machine besides torch: compilers, headers, libcuda.

On a CPU torch builds C++ with Python's headers; on a GPU Triton builds a launcher in C with them.
"""

import ctypes.util
import os
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vlmeter.errors import Sentence


@dataclass(frozen=True)
class Need:
    """One thing that must be installed."""

    name: str
    remedy: str
    """What to do where it is missing."""
    is_here: Callable[[], bool]

    @property
    def sentence(self) -> Sentence:
        """Say that it is missing, and what to do."""
        return Sentence(f"torch.compile needs {self.name}, which is not here: {self.remedy}")


def _has_program(variable: str, *names: str) -> bool:
    chosen = os.environ.get(variable)
    return any(shutil.which(name) for name in ([chosen] if chosen else names))


def _has_header() -> bool:
    return (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file()


@cache
def _has_driver_library() -> bool:
    # Cached: it asks the linker, a process of its own.
    folder = os.environ.get("TRITON_LIBCUDA_PATH")
    return bool(folder) or ctypes.util.find_library("cuda") is not None


C_COMPILER = Need(
    "a C compiler", "install the package gcc, or set CC", lambda: _has_program("CC", "gcc", "clang")
)
CXX_COMPILER = Need(
    "a C++ compiler",
    "install the package g++, or set CXX",
    lambda: _has_program("CXX", "g++", "clang++"),
)
PYTHON_HEADER = Need("Python.h", "install the package python3-dev", _has_header)
DRIVER_LIBRARY = Need(
    "libcuda.so of the NVIDIA driver",
    "install the driver's libraries, or set TRITON_LIBCUDA_PATH to their folder",
    _has_driver_library,
)
_NEEDS = {
    "cpu": (CXX_COMPILER, PYTHON_HEADER),
    "cuda": (C_COMPILER, PYTHON_HEADER, DRIVER_LIBRARY),
}


def missing_needs(device: str) -> list[Need]:
    """Return what compilation on a device lacks here."""
    return [need for need in _NEEDS.get(device, ()) if not need.is_here()]


def tools_at_hand(device: str) -> list[str]:
    """Return the names of what compilation on a device needs and finds here."""
    return [need.name for need in _NEEDS.get(device, ()) if need.is_here()]
