"""Where a result comes from: the software below it and the commit that made it."""

import subprocess
from dataclasses import dataclass
from functools import cache
from importlib import metadata


@dataclass(frozen=True)
class GitState:
    """The state of the working directory."""

    commit: str
    dirty: bool
    """Whether it has uncommitted changes."""


@cache
def software_versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of `packages`, read without importing them."""
    return {package: _version(package) for package in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def read_git_state() -> GitState | None:
    """Return the commit of the working directory and whether it has changes; None without git."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return GitState(commit, dirty=bool(_git("status", "--porcelain", "--untracked-files=no")))


def _git(*arguments: str) -> str | None:
    try:
        # Fixed words and no shell; which git is on the path is the user's choice.
        done = subprocess.run(  # nosec B603 B607
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
