"""Where a process of its own finds modules: after those of a test, what the test itself finds."""

import os
from pathlib import Path


def search_first(*folders: Path) -> dict[str, str]:
    """Return the variable that puts folders before what `PYTHONPATH` has.

    A test of a changed copy of the package runs with the copy in it: without it a process would
    run the package that is installed, and a change would never be noticed.
    """
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {"PYTHONPATH": os.pathsep.join(filter(None, [*map(str, folders), *inherited]))}
