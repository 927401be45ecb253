"""From an exception to a status and a reason in words."""

import errno
import os

import pytest

from vlmeter import status
from vlmeter.errors import UserError
from vlmeter.software.compilers import C_COMPILER, PYTHON_HEADER
from vlmeter.status import UnavailableError, UnsupportedError, describe_failure


def test_what_the_software_refuses_is_reported_in_its_own_words():
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
        *(
            (
                RuntimeError(f"{words} when calling `it(handle)`"),
                f"{words} when calling `it(handle)`",
            )
            for words in (
                "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED",
                "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
                "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
                "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
                "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED",
                "cuFFT error: CUFFT_ALLOC_FAILED",
                "CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY",
            )
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
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
        "CUDA error: an illegal memory access was encountered",
    ],
)
def test_what_else_cuda_s_libraries_say_is_a_bug(words):
    assert describe_failure(RuntimeError(words)).status == "error"


AFTER = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
    "stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            f"CUDA error: no kernel image is available for execution on the device{AFTER}",
            "torch has no kernels for this GPU: install a torch that was built for it",
        ),
        (
            f"CUDA error: CUDA-capable device(s) is/are busy or unavailable{AFTER}",
            "the GPU is busy or unavailable: end the process that has it",
        ),
        (
            "The NVIDIA driver on your system is too old (found version 12020). Please update",
            "the NVIDIA driver is too old for this torch: update it",
        ),
        (
            "CUDA error: CUDA driver version is insufficient for CUDA runtime version",
            "the NVIDIA driver is too old for this torch: update it",
        ),
        (
            "CUDA error: the provided PTX was compiled with an unsupported toolchain.",
            "the NVIDIA driver is too old for this torch: update it",
        ),
        (
            "Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized",
            "the links between the GPUs are not set up: start the service nvidia-fabricmanager",
        ),
        (
            "Error 804: forward compatibility was attempted on non supported HW",
            "the CUDA libraries are newer than the NVIDIA driver supports",
        ),
        ("Found no NVIDIA driver on your system. Please check", "there is no NVIDIA driver"),
        ("No CUDA GPUs are available", "CUDA finds no GPU"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_unavailable_with_the_remedy(words, reason):
    failure = describe_failure(RuntimeError(words))
    assert failure.status == "unavailable"
    assert failure.reason.startswith(reason)
    assert ": " in failure.reason
    assert failure.traceback is None


GCC = (
    "CalledProcessError: Command '['/usr/bin/gcc', '/tmp/tmpfbsy3e1f/cuda_utils.c', '-O3', "
    "'-I/home/me/.venv/include/python3.12', '-shared', '-fPIC', '-lcuda', '-o', "
    "'/tmp/tmpfbsy3e1f/cuda_utils.so']' returned non-zero exit status 1."
)
NO_C = "torch.compile needs a C compiler, which is not here: install the package gcc, or set CC"
NO_CXX = (
    "torch.compile needs a C++ compiler, which is not here: install the package g++, or set CXX"
)
NO_HEADER = "torch.compile needs Python.h, which is not here: install the package python3-dev"
NO_LIBCUDA = "torch.compile needs libcuda.so of the NVIDIA driver, which is not here"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (
            "RuntimeError: Failed to find C compiler. Please specify via CC environment variable",
            NO_C,
        ),
        ("InvalidCxxCompiler: No working C++ compiler found in cpp.cxx: (None, 'g++')", NO_CXX),
        (
            "C++ compile error Command: g++ /tmp/x/main.cpp Output: /tmp/x/main.cpp:2:10: "
            "fatal error: Python.h: No such file or directory 2 | #include <Python.h>",
            NO_HEADER,
        ),
        ("/tmp/a.c:3:10: fatal error: 'Python.h' file not found", NO_HEADER),
        (
            "/tmp/a.c:1:10: fatal error: stddef.h: No such file or directory",
            "torch.compile needs stddef.h, which is not here: install build-essential",
        ),
        ("AssertionError: libcuda.so cannot found! Please make sure GPU is setup", NO_LIBCUDA),
        ("/usr/bin/ld: cannot find -lcuda: No such file or directory", NO_LIBCUDA),
        (
            "Cannot find a working triton installation. Either the package is not installed or",
            "torch.compile needs Triton, which is not here: install the package triton",
        ),
        (
            "Found Tesla P100 which is too old to be supported by the triton GPU compiler",
            "torch.compile cannot use this GPU, which is too old for Triton: use another GPU",
        ),
    ],
)
def test_what_compilation_lacks_is_unavailable_with_the_package(words, reason):
    failure = describe_failure(inductor_error(words))
    assert failure.status == "unavailable"
    assert failure.reason.startswith(reason)
    assert "/" not in failure.reason


def inductor_error(words):
    from torch._inductor.exc import InductorError

    return InductorError(RuntimeError(words), None)


@pytest.mark.parametrize(
    "words", [GCC, GCC.replace("/usr/bin/gcc", "/opt/conda/bin/x86_64-conda-linux-gnu-cc")]
)
@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ([PYTHON_HEADER], NO_HEADER),
        ([C_COMPILER, PYTHON_HEADER], NO_C),
        ([], "cannot build what torch.compile needs: see the cell's log"),
    ],
)
def test_a_compiler_that_fails_is_no_fault_of_the_model(monkeypatch, words, missing, reason):
    monkeypatch.setattr(status, "missing_needs", lambda device: missing)
    failure = describe_failure(inductor_error(words))
    assert failure.status == "unavailable"
    assert reason in failure.reason
    assert "/" not in failure.reason
    assert "model" not in failure.reason


def test_a_model_that_cannot_be_compiled_leaks_no_path_of_this_machine():
    words = 'LoweringException: cannot lower aten.x at File "/home/me/.venv/torch/x.py", line 3'
    failure = describe_failure(inductor_error(words))
    assert failure.status == "unsupported"
    assert failure.reason.endswith('LoweringException: cannot lower aten.x at File "x.py", line 3')


def test_a_compilers_exception_is_known_by_its_type_too():
    class InvalidCxxCompiler(RuntimeError):
        pass

    assert describe_failure(InvalidCxxCompiler("clang")).status == "unavailable"


def test_what_a_user_gave_is_reported_without_a_traceback():
    failure = describe_failure(UserError("m.json is cut short: delete it."))
    assert (failure.status, failure.reason, failure.traceback) == (
        "error",
        "m.json is cut short: delete it.",
        None,
    )


def test_a_user_s_error_is_no_gpu_s_whatever_its_words():
    assert describe_failure(UserError("the server is busy or unavailable")).status == "error"


def test_anything_else_is_a_bug_with_its_traceback():
    try:
        raise KeyError("lost") from OSError("first")
    except KeyError as error:
        failure = describe_failure(error)
    assert (failure.status, failure.reason) == ("error", "KeyError: 'lost'")
    assert failure.traceback.startswith("OSError: first")
    assert failure.traceback.endswith("KeyError: 'lost'\n")


def test_a_reason_stays_short_enough_for_a_table():
    assert len(describe_failure(ValueError("x" * 5000)).reason) == 300
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
