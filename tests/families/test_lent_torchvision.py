"""The families whose images torchvision makes, in a process that is lent it."""

import os
import subprocess
import sys
from pathlib import Path

from python_path import search_first
from tiny_video import FAMILIES

SUPPORT = Path(__file__).parents[1] / "support"


def test_families_that_need_torchvision_are_measured_with_it():
    wanted = " or ".join(FAMILIES)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "lent_torchvision", "-n", "0", "-k", wanted),
            *map(Path(__file__).with_name, ("test_every_family.py", "test_image_tokens.py")),
        ],
        env={**os.environ, **search_first(SUPPORT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
