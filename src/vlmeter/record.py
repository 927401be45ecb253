"""What a cell leaves behind: its status, and the words that the whole project uses for it."""

from enum import StrEnum


class Status(StrEnum):
    """How a cell ended. Every cell ends in exactly one of these."""

    OK = "ok"
    UNSUPPORTED = "unsupported"
    """The software refuses the setting, e.g. flash attention for this model."""
    OUT_OF_MEMORY = "out_of_memory"
    UNAVAILABLE = "unavailable"
    """The machine lacks the device or the compiler that the setting needs."""
    CRASHED = "crashed"
    """Killed by a signal, or out of time."""
    ERROR = "error"
    """An unexpected exception, which is a bug: the run fails after the report is written."""


RETRIED = frozenset({Status.CRASHED, Status.ERROR})
"""Tried again on the next run, up to `measure.max_attempts` times."""
