"""Paths that a user gives to a command."""

from pathlib import Path

from vlmeter.storage.texts import find_path


def read_path(text: str) -> Path:
    """Return a path as it lies on the disk, whichever form of Unicode its letters have here."""
    return find_path(Path(text))
