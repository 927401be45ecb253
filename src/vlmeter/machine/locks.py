"""Quiet while something is measured, across all jobs and all studies on this machine.

Snakemake's threads and resources cannot promise that nothing of the workflow works beside a
measured cell. These locks can, and they die with their holder.
"""

import fcntl
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from vlmeter.errors import Sentence, UserError, shorten

_FOLDER = "vlmeter-locks"
_GPU, _WORK, _CHOOSING = "gpu-measuring", "working", "choosing-cards"
_MOST_OF_A_PATH = 4096
_SAID_AFTER_S, _SAID_EVERY_S = 0.3, 60.0
"""Two that look at the same lock wait for moments, of which nobody needs to hear."""

_BESIDE_A_MEASUREMENT = Sentence("waits until a measurement on this machine ends")
_BESIDE_WORK = Sentence("waits until other jobs on this machine end, to measure in quiet")


@contextmanager
def _open(name: str) -> Iterator[int]:
    folder = _folder()
    path = folder / f"{name}.lock"
    # Not followed: in a folder that others may write to, a link could point anywhere.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except FileNotFoundError:
        with _explain_refusal(folder):
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
    with _explain_refusal(folder):
        try:
            folder.mkdir(parents=True)
            # As the folder for temporary files: everyone adds files, and removes none of others.
            folder.chmod(0o1777)
        except FileExistsError:
            pass
    return folder


@contextmanager
def _explain_refusal(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"The folder of the machine's locks, {shorten(folder, _MOST_OF_A_PATH)}, cannot be "
            f"written ({error.strerror}): set VLMETER_LOCK_DIR to a folder that all who measure on "
            "this machine can write to."
        ) from None


def _try(handle: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
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


def _wait_until(attempt: Callable[[], bool], reason: Sentence) -> None:
    """Try until an attempt succeeds; say at once, and each minute again, why that takes long.

    Without a word a job that waits for an hour's measurement would look as if it hung.
    """
    began_s, next_s = time.monotonic(), _SAID_AFTER_S
    while not attempt():
        waited_s = time.monotonic() - began_s
        if waited_s >= next_s:
            print(f"{reason} ({waited_s:.0f} s so far)", file=sys.stderr, flush=True)
            next_s = waited_s + _SAID_EVERY_S
        _pause()


def _join(own: int, other: int, reason: Sentence) -> None:
    """Share `own` with one's kind while nobody holds `other`.

    Each side takes its own lock first and looks at the other's second, so both can never go on
    at once; both may give way at once, hence the pause.
    """

    def join() -> bool:
        if not _try(own, fcntl.LOCK_SH):
            return False
        if _is_free(other):
            return True
        fcntl.flock(own, fcntl.LOCK_UN)
        return False

    _wait_until(join, reason)


@contextmanager
def working() -> Iterator[None]:
    """Hold the machine for work that must not run beside a measurement."""
    with _open(_WORK) as work, _open(_GPU) as gpu:
        _join(work, gpu, _BESIDE_A_MEASUREMENT)
        yield


@contextmanager
def measuring_on_cpu() -> Iterator[None]:
    """Hold the machine for a measurement on the CPU, which is alone on it."""
    with _open(_WORK) as work, _open(_GPU) as gpu:
        # Always in this order, so that two cells cannot wait for each other.
        for lock in (work, gpu):
            _wait_until(partial(_try, lock), _BESIDE_WORK)
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
        _join(gpu, work, _BESIDE_WORK)
        yield held


def _free_cards(cards: Sequence[str], count: int, stack: ExitStack) -> tuple[str, ...]:
    """Take `count` cards at once; while fewer are free hold none, so that nobody waits for them."""
    if count > len(cards):
        raise ValueError(f"{count} cards are wanted of {len(cards)}")
    held: list[str] = []

    def choose() -> bool:
        held.clear()
        # One chooser at a time: two could each hold what the other still needs.
        with ExitStack() as taken, _open(_CHOOSING) as choosing:
            fcntl.flock(choosing, fcntl.LOCK_EX)
            for card in cards:
                if len(held) < count and _try(taken.enter_context(_open(f"card-{card}"))):
                    held.append(card)
            if len(held) < count:
                return False
            stack.push(taken.pop_all())
            return True

    _wait_until(choose, Sentence("waits for GPUs on which other cells are measured"))
    return tuple(held)
