"""Whether a study's files are still what was written, down to the last bit.

`python -m vlmeter.verify config/my-study.yaml`. A job checks what it reads; this reads all that a
finished study keeps, which no job will read again.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vlmeter.config.load import load_config
from vlmeter.errors import UserError
from vlmeter.files import check_whole, checksums, read_json
from vlmeter.reporting.seal import read_sealed
from vlmeter.study import Study


class Damage(NamedTuple):
    """A file that is not what was written."""

    words: str
    remake: Path
    """What is to be made again: the file, or the manifest of it."""


def damages(results: Path) -> Iterator[Damage]:
    """Yield every file below `results` that is damaged or missing."""
    for path in sorted(results.rglob("*.json")):
        if path.parent.parent == results / "models":
            # A file of a model: its manifest knows it.
            continue
        try:
            told = read_json(path)
        except UserError as error:
            yield Damage(str(error), path)
            continue
        yield from _of_files(path, told)
    for path in sorted(results.rglob("*.svg")):
        try:
            read_sealed(path)
        except UserError as error:
            yield Damage(str(error), path)


def _of_files(path: Path, told: Mapping[str, object]) -> Iterator[Damage]:
    """Yield what is wrong with the files whose checksums a JSON file holds."""
    own = path.with_suffix(".parquet")
    known = [(own, told.get("sha256"), path)] if "sha256" in told else []
    for name, checksum in checksums(told).items():
        if isinstance(checksum, dict):
            known.append((path.with_suffix("") / name, checksum["sha256"], path))
        else:
            file = _beside(path, name)
            # No rule makes a picture alone.
            known.append((file, checksum, path if file.suffix == ".jpg" else file))
    for file, sha256, remake in known:
        try:
            check_whole(file, sha256, remake)
        except UserError as error:
            yield Damage(str(error), remake)


def _beside(path: Path, name: str) -> Path:
    """Return the file that a JSON file calls by this name."""
    if name == "table":
        return path.with_suffix(".csv")
    return path.with_name(name if "." in name else f"{name}.parquet")


def main() -> None:
    """Check the study of the config file named on the command line."""
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "config/config.yaml")
    try:
        results = Study(load_config(file)).folder
    except UserError as error:
        sys.exit(str(error))
    if not results.is_dir():
        sys.exit(f"{results} does not exist: run the study first.")
    found = list(damages(results))
    if found:
        sys.exit("\n".join([*(damage.words for damage in found), _advice(found, file)]))
    print(f"{results}: every file is what was written.")


def _advice(found: Sequence[Damage], file: Path) -> str:
    """Return the command that makes them again: a file that no job asks for is not missed."""
    # The note of a try is made by no rule of its own, and does no harm.
    files = {str(damage.remake): None for damage in found if "attempts" not in damage.remake.parts}
    command = f"snakemake --cores all --configfile {file} --forcerun {' '.join(files)}"
    return f"All of them are made again by\n  {command}" if files else "No figure follows from it."


if __name__ == "__main__":
    main()
