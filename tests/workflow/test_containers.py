"""What the container images set is enough for a user without a name or a home."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NAMELESS = ("unshare", "--user", "--map-user=12345", "--map-group=12345")


def list_images() -> list[Path]:
    return sorted(REPOSITORY.glob("containers/*.Dockerfile"))


def list_steps(image: Path) -> list[str]:
    """Return the instructions of a Dockerfile, each on a line of its own."""
    lines = image.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line[:1] != "#").replace("\\\n", "").splitlines()


def read_environment(image: Path, study: Path) -> dict[str, str]:
    """Return what an image sets, with another folder in the place of the study's."""
    set_here = [step.removeprefix("ENV ") for step in list_steps(image) if step.startswith("ENV ")]
    values = dict(pair.split("=", 1) for step in set_here for pair in shlex.split(step))
    return {name: value.replace("/study", str(study)) for name, value in values.items()}


def may_be_nameless() -> bool:
    """Whether this process may run a command as a user whom the machine does not know."""
    with suppress(OSError):
        return subprocess.run([*NAMELESS, "true"], capture_output=True, check=False).returncode == 0
    return False


def test_a_user_without_a_name_or_a_home_plans_a_study(tmp_path: Path) -> None:
    environments = [read_environment(image, tmp_path) for image in list_images()]
    of_a_user = [{name: each.get(name) for name in ("HOME", "USER")} for each in environments]
    assert of_a_user == of_a_user[:1] * 2
    if not may_be_nameless():
        pytest.skip("needs the right to a user namespace")
    shutil.copytree(REPOSITORY / "demo", tmp_path / "demo")
    done = subprocess.run(
        [
            *(*NAMELESS, sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run"),
            *("--snakefile", str(REPOSITORY / "Snakefile")),
            *("--configfile", str(REPOSITORY / "config/demo.yaml")),
        ],
        cwd=tmp_path,
        # Where nobody writes, as a home that is `/` is for such a user.
        env={"PATH": os.environ["PATH"], "HOME": "/proc", **environments[0]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / ".cache/snakemake").is_dir()


def test_an_image_names_no_index() -> None:
    for image in list_images():
        words = image.read_text(encoding="utf-8")
        assert re.findall(r"https?://\S+", words) == []
        # Without a default.
        assert ("TORCH_INDEX" in words) == ("ARG TORCH_INDEX" in list_steps(image))
