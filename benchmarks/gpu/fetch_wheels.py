"""What a machine without a network lacks of envs/requirements.lock, as wheels in a folder.

On that machine: `python3 -m pip list --format=freeze > brings.txt`. On one with a package index:

    python benchmarks/gpu/fetch_wheels.py brings.txt wheels --python 3.12

What the machine brings is left as it is, in whatever version, unless a package that is carried
there asks for another one: then the locked version is carried too.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[2] / "envs" / "requirements.lock"
PLATFORMS = ("manylinux2014", "manylinux1", *(f"manylinux_2_{minor}" for minor in range(17, 40)))
"""pip takes each of them by its exact name alone."""

_PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]

Versions = dict[str, str | None]
"""By canonical name; None where the list gives none."""


def main() -> int:
    """Fetch the wheels; return 1 where something that they need is nowhere."""
    given = _arguments()
    lock, brings = (read_versions(file.read_text("utf-8")) for file in (LOCK, given.brings))
    given.wheels.mkdir(parents=True, exist_ok=True)
    wanted = {name: version for name, version in lock.items() if name not in brings}
    unmet: list[str] = []
    while wanted:
        pins = [f"{name}=={version}" for name, version in wanted.items()]
        fetch(pins, given.wheels, given.python)
        carried = carried_versions(given.wheels)
        needs = unmet_needs(given.wheels, {**brings, **carried}, given.python)
        # Of what the machine brings in another version, the locked one is carried instead.
        wanted = {name: lock[name] for name in needs if name in lock and name not in carried}
        unmet = [need for name, need in needs.items() if name not in wanted]
    size = sum(file.stat().st_size for file in given.wheels.glob("*.whl"))
    print(f"{len(list(given.wheels.glob('*.whl')))} wheels, {size / 1e6:.0f} MB, in {given.wheels}")
    for need in unmet:
        print(f"not met by the machine, the wheels or the lock: {need}")
    return int(bool(unmet))


def read_versions(text: str) -> Versions:
    """Return the packages of a list: `name==version`, or a name alone, on each line."""
    versions: Versions = {}
    for line in text.splitlines():
        if match := re.match(r"([A-Za-z0-9][\w.-]*)(?:==(\S+))?", line.strip()):
            versions[canonicalize_name(match[1])] = match[2]
    return versions


def carried_versions(wheels: Path) -> Versions:
    """Return the packages whose wheels lie in a folder."""
    versions: Versions = {}
    for file in wheels.glob("*.whl"):
        name, version, *_ = file.name.split("-")
        versions[canonicalize_name(name)] = version
    return versions


def unmet_needs(wheels: Path, present: Mapping[str, str | None], python: str) -> dict[str, str]:
    """Return what the wheels need and nobody has, by package: the need in words.

    Args:
        wheels: The folder of what is carried.
        present: The packages that will be there.
        python: The version of Python there, such as `3.12`.
    """
    environment: dict[str, str] = {**default_environment()}  # type: ignore[dict-item]
    environment |= {"python_version": python, "extra": ""}
    environment |= {"python_full_version": f"{python}.0", "sys_platform": "linux"}
    unmet: dict[str, str] = {}
    for file in sorted(wheels.glob("*.whl")):
        for need in _needs(file):
            name = canonicalize_name(need.name)
            if need.marker is not None and not need.marker.evaluate(environment):
                continue
            version = present.get(name)
            if name not in present or not (version is None or need.specifier.contains(version)):
                unmet[name] = f"{need} of {file.name.partition('-')[0]}"
    return unmet


def _needs(wheel: Path) -> Iterator[Requirement]:
    with ZipFile(wheel) as opened:
        (metadata,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(opened.read(metadata).decode())
    yield from map(Requirement, headers.get_all("Requires-Dist", []))


def fetch(pins: Sequence[str], wheels: Path, python: str) -> None:
    """Put packages' wheels into a folder: downloaded, or where there is none built from sources.

    Raises:
        subprocess.CalledProcessError: a package can be had in neither way, and pip has said why.
    """
    there = ["--python-version", python, "--implementation", "cp", "--only-binary=:all:"]
    there += [word for name in PLATFORMS for word in ("--platform", f"{name}_x86_64")]
    command = [*_PIP, "download", "--no-deps", *there, "--dest", str(wheels)]
    left = list(pins)
    while left:
        done = subprocess.run([*command, *left], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return
        # pip names the first package without a wheel, and fetches none of the others.
        named = re.search(r"No matching distribution found for (\S+)", done.stderr)
        if named is None or named[1] not in left:
            print(done.stderr, file=sys.stderr)
            done.check_returncode()
        else:
            _build(named[1], wheels)
            left.remove(named[1])


def _build(pin: str, wheels: Path) -> None:
    with tempfile.TemporaryDirectory() as aside:
        subprocess.run([*_PIP, "wheel", "--no-deps", "--wheel-dir", aside, pin], check=True)
        (built,) = Path(aside).iterdir()
        if not built.name.endswith("-none-any.whl"):
            sys.exit(f"{pin} has no wheel for that machine; built here, it would run here alone.")
        shutil.copyfile(built, wheels / built.name)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("brings", type=Path, help="what the machine has: pip list --format=freeze")
    parser.add_argument("wheels", type=Path, help="the folder that takes the wheels")
    parser.add_argument("--python", default="3.12", help="the machine's Python")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
