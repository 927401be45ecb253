"""Where a result comes from: the software below it and the commit that made it."""

import subprocess
from functools import cache
from importlib import metadata
from typing import Any


@cache
def software_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of `packages`, read without importing them."""
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def git_state() -> dict[str, Any] | None:
    """Return the commit of the working directory and whether it has changes; None without git."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str | None:
    try:
        # Fixed words and no shell; which git is on the path is the user's choice.
        done = subprocess.run(  # nosec B603 B607
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
