"""Calls of what imports torch, in a child: a fork of the run's server has imported it already."""

import os
import pickle
import tempfile
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from vlmeter.errors import UserError
from vlmeter.machine.warm import run_in_child

T = TypeVar("T")


def call_in_child(
    call: Callable[[], T],
    settings: Mapping[str, str] | None = None,
    *,
    own_imports: bool = False,
) -> T:
    """Return what a call returns in a child, or raise what it raises.

    Args:
        call: Imports torch by itself; it and what it returns can be pickled.
        settings: As `warm.run_in_child` takes them.
        own_imports: So, too.

    Raises:
        UserError: or an error of the disk: as the call did; or the child ended in any other way,
            and has printed its traceback where it has one.
    """
    with tempfile.TemporaryDirectory(prefix="vlmeter-call-") as folder:
        outcome = Path(folder) / "outcome"
        work = partial(_keep_outcome, call, dict(settings or {}), outcome)
        death = run_in_child(work, settings=settings, own_imports=own_imports)
        if death is not None:
            raise UserError(
                f"The job's child process: {death.reason}. Its log has what it printed."
            )
        value, error = pickle.loads(outcome.read_bytes())  # nosec B301 - the child wrote it
    if error is not None:
        raise error
    returned: T = value
    return returned


def _keep_outcome(call: Callable[[], T], settings: Mapping[str, str], outcome: Path) -> None:
    os.environ.update(settings)
    value: T | None = None
    raised: UserError | OSError | None = None
    try:
        value = call()
    # Others say little without their traceback, and not all can be pickled.
    except UserError as error:
        raised = error
    except OSError as error:
        traceback.print_exc()
        raised = error
    outcome.write_bytes(pickle.dumps((value, raised)))
