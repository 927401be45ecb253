"""A figure that fails alone: what was measured before it stays."""

import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

from vlmeter.status import describe_failure

_Value = TypeVar("_Value")


def try_to_read(read: Callable[[], _Value]) -> tuple[_Value, None] | tuple[None, str]:
    """Return what `read` returns and None, or None and why it failed.

    For what comes after a measurement that took long: memory that runs out in a count must not
    take the times with it. The traceback goes to the log. A request to end, such as
    `KeyboardInterrupt`, passes.
    """
    try:
        return read(), None
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        failure = describe_failure(error)
        return None, f"{failure.status.replace('_', ' ')}: {failure.reason}"
