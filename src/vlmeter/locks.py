"""Quiet while something is measured, across all jobs and all studies on this machine.

Snakemake's threads and resources cannot promise that nothing of the workflow works beside a
measured cell. These locks can, and they die with their holder.
"""

import fcntl
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

_FOLDER = "vlmeter-locks"
_GPU, _WORK = "gpu-measuring", "working"


@contextmanager
def _open(name: str) -> Iterator[int]:
    path = _folder() / f"{name}.lock"
    # Not followed: in a folder that others may write to, a link could point anywhere.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        handle = os.open(path, flags | os.O_CREAT, 0o644)
        with suppress(PermissionError):
            # Another user of this machine opens it too, whatever this one's umask is.
            os.fchmod(handle, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def _folder() -> Path:
    folder = Path(os.environ.get("VLMETER_LOCK_DIR", Path(tempfile.gettempdir()) / _FOLDER))
    try:
        folder.mkdir(parents=True)
        # As the folder for temporary files: everyone adds files, and removes none of others.
        folder.chmod(0o1777)
    except FileExistsError:
        pass
    return folder


def _is_free(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(handle, fcntl.LOCK_UN)
    return True


def _join(own: int, other: int) -> None:
    """Share `own` with one's kind while nobody holds `other`.

    Each side takes its own lock first and looks at the other's second, so both can never go on
    at once; both may give way at once, hence the random pause.
    """
    while True:
        fcntl.flock(own, fcntl.LOCK_SH)
        if _is_free(other):
            return
        fcntl.flock(own, fcntl.LOCK_UN)
        time.sleep(random.uniform(0.05, 0.2))


@contextmanager
def working() -> Iterator[None]:
    """Hold the machine for work that must not run beside a measurement."""
    with _open(_WORK) as work, _open(_GPU) as gpu:
        _join(work, gpu)
        yield


@contextmanager
def measuring(device: str, card: str | None = None) -> Iterator[None]:
    """Hold the machine for a measurement on `device`.

    A CPU cell is alone on the machine. GPU cells share it with each other, not with other work,
    and each has its card to itself.

    Args:
        device: `cpu` or `cuda`.
        card: What a GPU is known by, such as its UUID; None where there is none.
    """
    own = nullcontext() if card is None else _alone(f"card-{card}")
    with own, _open(_WORK) as work, _open(_GPU) as gpu:
        if device == "cpu":
            # Always in this order, so that two cells cannot wait for each other.
            fcntl.flock(work, fcntl.LOCK_EX)
            fcntl.flock(gpu, fcntl.LOCK_EX)
        else:
            _join(gpu, work)
        yield


@contextmanager
def _alone(name: str) -> Iterator[None]:
    with _open(name) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
