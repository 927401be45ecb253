"""What every script of the workflow does around its one call: a log, a lock, clear errors."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ParamSpec

from vlmeter import locks
from vlmeter.errors import UserError

P = ParamSpec("P")


def run_job(log: str, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Run `work` with everything it prints in `log`, beside no measurement.

    A `UserError` ends the process with its sentence in the log and no traceback.
    """
    _run(log, locks.working(), work, *args, **kwargs)


def run_measuring_job(
    log: str, device: str, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs
) -> None:
    """Run `work`, which measures on `device`, with everything it prints in `log`."""
    # Not at the top: most scripts measure nothing and need not ask NVML.
    from vlmeter.devices import fingerprint  # noqa: PLC0415

    # Without an index, "cuda" is the first of the cards that this process may see.
    card = next(iter(fingerprint(device)), None)
    _run(log, locks.measuring(device, card), work, *args, **kwargs)


def _run(
    log: str,
    lock: AbstractContextManager[None],
    work: Callable[P, None],
    *args: P.args,
    **kwargs: P.kwargs,
) -> None:
    _print_to(Path(log))
    try:
        with lock:
            work(*args, **kwargs)
    except UserError as error:
        sys.exit(str(error))


def _print_to(log: Path) -> None:
    """Send file descriptors 1 and 2 to `log`: libraries and children print there too."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    for target in (1, 2):
        os.dup2(handle, target)
    os.close(handle)
