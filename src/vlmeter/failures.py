"""From an exception to how a cell ended, in words."""

import traceback
from dataclasses import dataclass

from vlmeter.errors import Sentence, UserError
from vlmeter.files import refusal_of_disk
from vlmeter.record import Status


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
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "Cannot allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "std::bad_alloc",
)
_NO_COMPILER = ("InvalidCxxCompiler", "No working C++ compiler", "Cannot find a working triton")

_COMPILER = ("torch._dynamo", "torch._inductor")


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
    if isinstance(error, MemoryError) or any(mark in words for mark in _OUT_OF_MEMORY):
        return Failure(
            Status.OUT_OF_MEMORY, _first_sentence(words) or Sentence("the memory ran out")
        )
    if any(mark in f"{type(error).__name__} {words}" for mark in _NO_COMPILER):
        return Failure(Status.UNAVAILABLE, Sentence("torch.compile finds no working compiler here"))
    if type(error).__module__.startswith(_COMPILER):
        told = Sentence(f"torch.compile fails on this model: {_words(words)}")
        return Failure(Status.UNSUPPORTED, told)
    disk = refusal_of_disk(error)
    if disk is not None:
        return Failure(Status.ERROR, disk)
    trace = "".join(traceback.format_exception(error))
    return Failure(Status.ERROR, f"{type(error).__name__}: {words}"[:500], trace)


def _first_sentence(words: str) -> str:
    return words.split(". ", maxsplit=1)[0][:300]


def _words(text: str) -> str:
    """Return a compiler's complaint without its command line and what to set to see more."""
    for mark in (" Command:", " Set TORCH", " from user code:"):
        text = text.split(mark, maxsplit=1)[0]
    return text[:300]
