"""What every script of the workflow does around its one call: a log, a lock, clear errors."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from vlmeter.errors import UserError
from vlmeter.machine import locks
from vlmeter.machine.isolation import die_with
from vlmeter.storage.files import describe_disk_refusal
from vlmeter.storage.job_keys import JobKey, write_job_key
from vlmeter.storage.typed import from_plain

P = ParamSpec("P")
T = TypeVar("T")


def run_job(log: str, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run `work` with everything it prints in `log`, beside no measurement.

    A `UserError` ends the process with its sentence in the log and no traceback.
    """
    _run(log, locks.working(), work, *args, **kwargs)


def run_keyed_job(
    log: str, key: Mapping[str, str], work: Callable[..., None], *args: object, **kwargs: object
) -> None:
    """Run `work` as `run_job` does with its key, and note what its outputs were made for.

    Args:
        log: Path of the log.
        key: A `JobKey` as the rule's params hold it.
        work: The job, which takes its `key` besides the others.
        *args: For `work`.
        **kwargs: For `work`.
    """
    run_job(log, _work_and_note, JobKey(**key), work, *args, **kwargs)


def _work_and_note(
    key: JobKey, work: Callable[..., None], /, *args: object, **kwargs: object
) -> None:
    work(*args, **kwargs, key=key.key)
    write_job_key(key)


def run_measuring_job(
    log: str, device: str, gpus: int, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Run `work`, which measures on `device`, with everything it prints in `log`.

    Args:
        log: Path of the log.
        device: `cpu` or `cuda`.
        gpus: How many GPUs `work` has to itself: it sees no others.
        work: The job.
        *args: For `work`.
        **kwargs: For `work`.
    """
    _run(log, _measuring(device, gpus), work, *args, **kwargs)


@contextmanager
def _measuring(device: str, gpus: int) -> Iterator[None]:
    if device == "cpu":
        with locks.measuring_on_cpu():
            yield
        return
    # Not at the top: most scripts measure nothing and need not ask NVML.
    from vlmeter.machine import devices  # noqa: PLC0415

    if not devices.is_present(device, gpus):
        # Nothing is measured: the job only says why.
        yield
        return
    uuids = [gpu.uuid for gpu in devices.visible_gpus()]
    with locks.measuring_on_gpus(uuids, gpus) as cards:
        devices.show_only(cards)
        yield


def _run(
    log: str,
    lock: AbstractContextManager[None],
    work: Callable[P, None],
    *args: P.args,
    **kwargs: P.kwargs,
) -> None:
    # A run that is killed leaves no job behind that would still write when the next one begins.
    die_with(os.getppid())
    terminal = os.dup(2)
    try:
        _print_to(Path(log))
        with lock:
            work(*args, **kwargs)
    except UserError as error:
        sys.exit(str(error))
    except Exception as error:
        words = describe_disk_refusal(error)
        if words is None:
            raise
        # The log lies on the same disk.
        os.write(terminal, f"{words}\n".encode())
        sys.exit(words)
    finally:
        os.close(terminal)


def _print_to(log: Path) -> None:
    """Send file descriptors 1 and 2 to `log`: libraries and children print there too."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    for target in (1, 2):
        os.dup2(handle, target)
    os.close(handle)


class Packed(str):
    """Params as JSON, of which people are shown a digest: the whole is thousands of letters long.

    Snakemake compares `repr`, which holds all of it, and shows `str` in the page of its own report.
    A rule gives it by a function, since Snakemake copies other texts.
    """

    __slots__ = ()

    def __str__(self) -> str:
        digest = hashlib.sha256(self.encode()).hexdigest()[:12]
        return f"{digest} (SHA-256 of {len(self)} characters of JSON)"


def pack(params: object) -> Packed:
    """Return dataclasses as JSON."""
    # Not by `asdict`, which copies in depth: the outline of a large study has thousands of cells.
    return Packed(json.dumps(params, ensure_ascii=False, default=vars))


def unpack(params: type[T], text: str) -> T:
    """Return the dataclasses that `pack` was given."""
    return from_plain(params, json.loads(text), Path("params"))
