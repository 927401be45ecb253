"""What needs packages that VLMeter does not install by itself, in a process that is lent them."""

import os
import subprocess
import sys
from pathlib import Path

from python_path import search_first
from tiny_video import FAMILIES

FILES = (
    "test_every_family.py",
    "test_image_tokens.py",
    "test_bitsandbytes.py",
    "test_compressed_tensors.py",
)


def test_what_needs_packages_that_lie_aside_is_measured_with_them():
    wanted = " or ".join([*FAMILIES, "bitsandbytes", "compressed_tensors"])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "lent_packages", "-n", "0", "-k", wanted),
            *map(Path(__file__).with_name, FILES),
        ],
        env={**os.environ, **search_first(Path(__file__).parents[1] / "support")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
