"""Quiet while something is measured, across all jobs and all studies on this machine.

Snakemake's threads and resources cannot promise that nothing of the workflow works beside a
measured cell. These locks can, and they die with their holder.
"""

import fcntl
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_FOLDER = "vlmeter-locks"
_GPU, _WORK, _CHOOSING = "gpu-measuring", "working", "choosing-cards"


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


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(handle: int) -> bool:
    free = _try(handle)
    if free:
        fcntl.flock(handle, fcntl.LOCK_UN)
    return free


def _pause() -> None:
    """Wait a little before the next look; at random, so that two do not keep step."""
    time.sleep(random.uniform(0.05, 0.2))


def _join(own: int, other: int) -> None:
    """Share `own` with one's kind while nobody holds `other`.

    Each side takes its own lock first and looks at the other's second, so both can never go on
    at once; both may give way at once, hence the pause.
    """
    while True:
        fcntl.flock(own, fcntl.LOCK_SH)
        if _is_free(other):
            return
        fcntl.flock(own, fcntl.LOCK_UN)
        _pause()


@contextmanager
def working() -> Iterator[None]:
    """Hold the machine for work that must not run beside a measurement."""
    with _open(_WORK) as work, _open(_GPU) as gpu:
        _join(work, gpu)
        yield


@contextmanager
def measuring_on_cpu() -> Iterator[None]:
    """Hold the machine for a measurement on the CPU, which is alone on it."""
    with _open(_WORK) as work, _open(_GPU) as gpu:
        # Always in this order, so that two cells cannot wait for each other.
        fcntl.flock(work, fcntl.LOCK_EX)
        fcntl.flock(gpu, fcntl.LOCK_EX)
        yield


@contextmanager
def measuring_on_gpus(cards: Sequence[str], count: int) -> Iterator[tuple[str, ...]]:
    """Hold the machine for a measurement on GPUs, and yield the cards it has to itself.

    GPU cells share the machine with each other, not with other work.

    Args:
        cards: Identities of the GPUs that may be used, such as their UUIDs.
        count: How many are needed, at most as many as there are.
    """
    with ExitStack() as stack:
        held = _free_cards(cards, count, stack)
        gpu, work = (stack.enter_context(_open(name)) for name in (_GPU, _WORK))
        _join(gpu, work)
        yield held


def _free_cards(cards: Sequence[str], count: int, stack: ExitStack) -> tuple[str, ...]:
    """Take `count` cards at once; while fewer are free hold none, so that nobody waits for them."""
    if count > len(cards):
        raise ValueError(f"{count} cards are wanted of {len(cards)}")
    while True:
        with ExitStack() as taken:
            held: list[str] = []
            # One chooser at a time: two could each hold what the other still needs.
            with _open(_CHOOSING) as choosing:
                fcntl.flock(choosing, fcntl.LOCK_EX)
                for card in cards:
                    if len(held) < count and _try(taken.enter_context(_open(f"card-{card}"))):
                        held.append(card)
                if len(held) == count:
                    stack.push(taken.pop_all())
                    return tuple(held)
        _pause()
