"""From an exception to a status and a reason in words."""

import errno
import os

import pytest

from vlmeter.errors import UserError
from vlmeter.failures import UnavailableError, UnsupportedError, describe_failure


def test_what_the_software_refuses_is_told_in_its_own_words():
    failure = describe_failure(UnsupportedError("flash_attention_2:\n  no module"))
    assert (failure.status, failure.reason) == ("unsupported", "flash_attention_2: no module")
    assert failure.traceback is None


def test_what_the_machine_lacks_is_unavailable():
    failure = describe_failure(UnavailableError("no CUDA device"))
    assert (failure.status, failure.reason, failure.traceback) == (
        "unavailable",
        "no CUDA device",
        None,
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 8 GiB"),
            "CUDA out of memory",
        ),
        (RuntimeError("CUDA error: out of memory"), "CUDA error: out of memory"),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
            ),
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        ),
        (
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
            "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
        ),
        (
            OSError(12, "Cannot allocate memory"),
            "[Errno 12] Cannot allocate memory",
        ),
        (
            RuntimeError(
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
            ),
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ),
        (MemoryError(), "the memory ran out"),
        (MemoryError("Unable to allocate 8 GiB"), "Unable to allocate 8 GiB"),
    ],
)
def test_memory_runs_out_in_many_words(error, reason):
    failure = describe_failure(error)
    assert (failure.status, failure.reason, failure.traceback) == ("out_of_memory", reason, None)


@pytest.mark.parametrize(
    "words",
    [
        "backend='inductor' raised: InvalidCxxCompiler: No working C++ compiler found in ('g++',)",
        "Cannot find a working triton installation.",
    ],
)
def test_no_compiler_is_unavailable(words):
    failure = describe_failure(RuntimeError(words))
    assert (failure.status, failure.reason) == (
        "unavailable",
        "torch.compile finds no working compiler here",
    )


def test_a_compilers_exception_is_known_by_its_type_too():
    class InvalidCxxCompiler(RuntimeError):
        pass

    assert describe_failure(InvalidCxxCompiler("clang")).status == "unavailable"


def test_what_a_user_gave_is_told_without_a_traceback():
    failure = describe_failure(UserError("m.json is cut short: delete it."))
    assert (failure.status, failure.reason, failure.traceback) == (
        "error",
        "m.json is cut short: delete it.",
        None,
    )


def test_anything_else_is_a_bug_with_its_traceback():
    try:
        raise KeyError("lost") from OSError("first")
    except KeyError as error:
        failure = describe_failure(error)
    assert (failure.status, failure.reason) == ("error", "KeyError: 'lost'")
    assert failure.traceback.startswith("OSError: first")
    assert failure.traceback.endswith("KeyError: 'lost'\n")


def test_a_reason_stays_short_enough_for_a_table():
    assert len(describe_failure(ValueError("x" * 5000)).reason) == 500
    assert len(describe_failure(MemoryError("x" * 5000)).reason) == 300


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "There is no room left on the disk"),
        (errno.EDQUOT, "There is no room left on the disk"),
        (errno.EROFS, "The results cannot be written"),
        (errno.EACCES, "The results cannot be written"),
    ],
)
def test_what_the_disk_refuses_is_a_sentence_and_no_bug_s_traceback(number, words):
    failure = describe_failure(OSError(number, os.strerror(number), "results/a.json"))
    assert failure.status == "error"
    assert failure.reason.startswith(words)
    assert "results/a.json" in failure.reason
    assert failure.traceback is None
