"""From an exception to how a cell ended, in words."""

import re
import traceback
from dataclasses import dataclass
from enum import StrEnum

from vlmeter.errors import Sentence, UserError, shorten
from vlmeter.software.compilers import (
    C_COMPILER,
    CXX_COMPILER,
    DRIVER_LIBRARY,
    PYTHON_HEADER,
    missing_needs,
)
from vlmeter.storage.files import describe_disk_refusal


class Status(StrEnum):
    """How a cell ended. Every cell ends in exactly one of these."""

    OK = "ok"
    UNSUPPORTED = "unsupported"
    """The software refuses the setting, e.g. flash attention for this model."""
    OUT_OF_MEMORY = "out_of_memory"
    UNAVAILABLE = "unavailable"
    """The machine lacks the device or the compiler that the setting needs."""
    CRASHED = "crashed"
    """Killed by a signal, or out of time."""
    ERROR = "error"
    """An unexpected exception, which is a bug: the run fails after the report is written."""


RETRIED = frozenset({Status.CRASHED, Status.ERROR})
"""Tried again on the next run, up to `measure.max_attempts` times."""


class UnsupportedError(Exception):
    """The software refuses the setting; the message is its own words."""


class UnavailableError(Exception):
    """This machine lacks what the setting needs."""


@dataclass(frozen=True)
class Failure:
    """How a cell ended, if not well."""

    status: Status
    reason: str
    traceback: str | None = None
    """Python's own account, for a bug only: a `UserError` says all in its sentence."""


# Allocators on CPU and GPU raise RuntimeErrors that differ in nothing but their words.
_OUT_OF_MEMORY = re.compile(
    "out of memory|can't allocate memory|Cannot allocate memory|std::bad_alloc"
    "|DefaultCPUAllocator: not enough memory|cudaErrorMemoryAllocation|ERROR_OUT_OF_MEMORY"
    # CUDA's libraries: a handle or workspace that finds no room, the first one mostly as
    # "not initialized".
    r"|CU[A-Z]+_(STATUS_)?(\w*ALLOC\w*_FAILED|NOT_INITIALIZED)"
)

_DEVICE = (
    (
        "no kernel image is available",
        Sentence(
            "torch has no kernels for this GPU: install a torch that was built for it, or use "
            "another"
        ),
    ),
    (
        "busy or unavailable",
        "the GPU is busy or unavailable: end the process that has it, or set its compute mode "
        "to Default (nvidia-smi -c DEFAULT)",
    ),
    (
        "driver on your system is too old",
        Sentence("the NVIDIA driver is too old for this torch: update it"),
    ),
    (
        "driver version is insufficient",
        Sentence("the NVIDIA driver is too old for this torch: update it"),
    ),
    ("unsupported toolchain", Sentence("the NVIDIA driver is too old for this torch: update it")),
    (
        "forward compatibility was attempted on non supported",
        Sentence(
            "the CUDA libraries are newer than the NVIDIA driver supports on this GPU: update the "
            "driver, or remove the compatibility libraries (cuda-compat)"
        ),
    ),
    (
        "system not yet initialized",
        Sentence(
            "the links between the GPUs are not set up: start the service nvidia-fabricmanager"
        ),
    ),
    ("Found no NVIDIA driver", Sentence("there is no NVIDIA driver: install it")),
    (
        "No CUDA GPUs are available",
        Sentence("CUDA finds no GPU: see CUDA_VISIBLE_DEVICES and nvidia-smi"),
    ),
    ("GPU is lost", "the GPU is lost: reset it, or reboot"),
)
"""What CUDA says of a GPU or driver that cannot be used, and the same with the remedy."""

_MOST_CHARS = 300
"""Of a library's own words in a reason."""
_COMPILER = ("torch._dynamo", "torch._inductor")
_MISSING_HEADER = re.compile(
    r"fatal error: '?(?:\S*/)?([\w.+-]+)'?(?:: No such file| file not found)"
)
_COMMAND_FAILED = re.compile(r"Command '?\[?'(?:\S*/)?(?:\w+-)*(gcc|cc|clang|g\+\+|c\+\+)[\w.-]*'")
_PATH = re.compile(r"(?<![\w./:])/(?:[^\s/'\",:;()]+/)*([^\s/'\",:;()]+)")


def describe_failure(error: BaseException) -> Failure:
    """Return the status and the reason that an exception amounts to."""
    words = " ".join(str(error).split())
    # This package's own exceptions go by their type alone: their words may change.
    if isinstance(error, UnsupportedError):
        return Failure(Status.UNSUPPORTED, words)
    if isinstance(error, UnavailableError):
        return Failure(Status.UNAVAILABLE, words)
    if isinstance(error, UserError):
        return Failure(Status.ERROR, words)
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(words):
        return Failure(
            Status.OUT_OF_MEMORY, _take_first_sentence(words) or Sentence("the memory ran out")
        )
    lack = describe_device_failure(error) or _find_missing_tool(f"{type(error).__name__} {words}")
    if lack is not None:
        return Failure(Status.UNAVAILABLE, lack)
    if type(error).__module__.startswith(_COMPILER):
        reason = Sentence(f"torch.compile fails on this model: {_shorten_complaint(words)}")
        return Failure(Status.UNSUPPORTED, reason)
    disk = describe_disk_refusal(error)
    if disk is not None:
        return Failure(Status.ERROR, disk)
    trace = "".join(traceback.format_exception(error))
    return Failure(Status.ERROR, shorten(f"{type(error).__name__}: {words}", _MOST_CHARS), trace)


def describe_device_failure(error: BaseException) -> str | None:
    """Say what keeps CUDA from using a GPU, with the remedy; None where it is something else."""
    return next((remedy for mark, remedy in _DEVICE if mark in str(error)), None)


def _find_missing_tool(words: str) -> str | None:
    """Say what compilation lacks on this machine, by the words of the compiler that torch calls."""
    if "Failed to find C compiler" in words:
        return C_COMPILER.sentence
    if "InvalidCxxCompiler" in words or "No working C++ compiler" in words:
        return CXX_COMPILER.sentence
    if "libcuda.so cannot found" in words or "cannot find -lcuda" in words:
        return DRIVER_LIBRARY.sentence
    if "Cannot find a working triton" in words:
        return Sentence("torch.compile needs Triton, which is not here: install the package triton")
    if "too old to be supported by the triton" in words:
        return Sentence(
            "torch.compile cannot use this GPU, which is too old for Triton: use another GPU"
        )
    header = _MISSING_HEADER.search(words)
    if header is not None and header[1] != PYTHON_HEADER.name:
        return Sentence(
            f"torch.compile needs {header[1]}, which is not here: install build-essential"
        )
    if header is not None:
        return PYTHON_HEADER.sentence
    command = _COMMAND_FAILED.search(words)
    if command is None:
        return None
    # The command's own complaint went to the log, not into the exception.
    missing = missing_needs("cuda")
    if missing:
        return missing[0].sentence
    return Sentence(
        f"{command[1]} cannot build what torch.compile needs: see the cell's log, and whether "
        "the packages gcc, libc6-dev and python3-dev are whole"
    )


def _take_first_sentence(words: str) -> str:
    return shorten(words.split(". ", maxsplit=1)[0], _MOST_CHARS)


def _shorten_complaint(text: str) -> str:
    """Return a compiler's complaint without its command line and what to set to see more."""
    for mark in (" Command:", " Set TORCH", " from user code:"):
        text = text.split(mark, maxsplit=1)[0]
    # Where the files lie is nobody's business but this machine's.
    return shorten(_PATH.sub(r"\1", text), _MOST_CHARS)
