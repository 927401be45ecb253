"""A measured cell runs in a child of its own, so that its death is a result and not an accident.

The child is forked: there is no second interpreter to start, and what one cell leaves in memory is
gone with it. That is before torch is imported, or of a process that has done nothing but import.
"""

import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from vlmeter.errors import Sentence

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.2
CHILD_FAILED = 70
"""Exit code of a child whose work raised: EX_SOFTWARE of sysexits.h."""
_STOPS_FOR_A_FORK = "jemalloc_bg_thd"
"""A thread of an allocator that Arrow brings along and does not use; it knows of forks."""


@dataclass(frozen=True)
class Death:
    """How a child ended that did not come to the end of its work."""

    reason: Sentence
    out_of_time: bool = False


def run_isolated(work: Callable[[], None], timeout_s: float) -> Death | None:
    """Run `work` in a forked child and wait for it without using the processor.

    Args:
        work: Writes its own results. What it raises is printed and ends the child.
        timeout_s: Seconds after which the child and its own children are killed.

    Returns:
        None where `work` returned, else how the child ended.

    Raises:
        RuntimeError: torch is imported already; its threads do not survive a fork.
    """
    if "torch" in sys.modules:
        raise RuntimeError("torch is imported before the fork of the cell's child")
    return describe_end(wait_for_end(start_child(work), timeout_s), timeout_s)


def start_child(work: Callable[[], None]) -> int:
    """Fork a child that does `work` and ends, and return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _run_child(work, parent)
    with suppress(ProcessLookupError, PermissionError):
        # The child does the same: whoever is first, the group stands before it is needed.
        os.setpgid(child, child)
    return child


def wait_for_end(child: int, timeout_s: float, stop: socket | None = None) -> int | None:
    """Wait until a child ends, and see that it and what it started are gone.

    Args:
        child: Its id.
        timeout_s: Seconds after which it is killed.
        stop: Kills it when the other side closes it or says anything.

    Returns:
        Its exit code, negative for a signal, or None where it was killed here.
    """
    try:
        code = _wait(child, timeout_s, stop)
    except BaseException:
        _kill(child)
        raise
    if code is None:
        _kill(child)
    else:
        _kill_group(child)
    return code


def describe_end(code: int | None, timeout_s: float) -> Death | None:
    """Return how a child ended that was waited for; None where it came to the end of its work."""
    if code is None:
        limit = Sentence(f"took longer than the {timeout_s:g} s of measure.timeout_s")
        return Death(limit, out_of_time=True)
    reason = _reason(code)
    return None if reason is None else Death(reason)


def _run_child(work: Callable[[], None], parent: int) -> None:
    code = CHILD_FAILED
    try:
        os.setpgid(0, 0)
        die_with(parent)
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # No clean-up of the parent's state that the fork copied.
        os._exit(code)


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies; Linux only.

    Args:
        parent: The parent's id. Where it is dead already, this process ends here.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(CHILD_FAILED)


def _wait(child: int, timeout_s: float, stop: socket | None) -> int | None:
    """Return the child's exit code, or None when the time is up or it is to stop."""
    if hasattr(os, "pidfd_open"):
        handle = os.pidfd_open(child)
        try:
            watched: list[int | socket] = [handle]
            if stop is not None:
                watched.append(stop)
            if handle not in select.select(watched, [], [], timeout_s)[0]:
                return None
        finally:
            os.close(handle)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(_POLL_S)
    return None


def _kill(child: int) -> None:
    _kill_group(child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _kill_group(child: int) -> None:
    """Kill what the child started, compile workers for instance."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _reason(code: int) -> Sentence | None:
    if code == 0:
        return None
    if code > 0:
        return Sentence(f"ended with exit code {code}")
    name = signal.Signals(-code).name
    if name == "SIGKILL":
        return Sentence(f"killed by {name}, as the system does when memory runs out")
    return Sentence(f"killed by {name}")


def has_newer_file(time_s: float) -> bool:
    """Say whether a file of an imported module was changed, replaced or removed after a time.

    Args:
        time_s: In seconds since the epoch.
    """
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    # Some modules are of no file, and give a name without a folder.
    paths = [path for path in map(Path, filter(None, files)) if path.is_absolute()]
    try:
        return any(path.stat().st_ctime > time_s for path in paths)
    except OSError:
        return True


def find_places() -> tuple[str, Path]:
    """Return what processes must share to mean the same files by the same paths."""
    return sys.executable, Path("/proc/self/ns/mnt").readlink()


def copy_page_tables_to_forks() -> None:
    """Let a fork's resident memory hold the pages of libraries that this process has read.

    The kernel copies the page table of a file's mapping only where the process has a page of its
    own in it (`vma_needs_copy` in Linux's mm/memory.c): so a byte of each is written as it stands.

    Raises:
        OSError: the kernel does not let a process write there.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        for line in maps:
            span, rights, _, _, _, *name = line.split(maxsplit=5)
            if name and name[0].startswith("/") and rights[0] == "r" and rights[3] == "p":
                start = int(span.partition("-")[0], 16)
                os.pwrite(memory.fileno(), os.pread(memory.fileno(), 1, start), start)


def find_hindrance(parent: int) -> Sentence | None:
    """Return what the parent of this fork has begun that a fork does not inherit, if anything.

    Args:
        parent: The process's id.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda._is_in_bad_fork():
        return Sentence("CUDA was initialised before the fork")
    for thread in Path(f"/proc/{parent}/task").iterdir():
        name = (thread / "comm").read_text(encoding="utf-8").strip()
        if thread.name != str(parent) and name != _STOPS_FOR_A_FORK:
            return Sentence(f"a thread was started before the fork: {name}")
    for file in Path(f"/proc/{parent}/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(file.readlink()).startswith("/dev/nvidia"):
                return Sentence("a GPU was opened before the fork")
    return None
