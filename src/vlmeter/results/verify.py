"""Whether a study's files are still what was written, down to the last bit.

`vlmeter verify config/my-study.yaml`. A job checks what it reads; this reads all that a
finished study keeps, which no job will read again.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vlmeter.errors import UserError
from vlmeter.storage.files import check_whole, checksums, read_json
from vlmeter.storage.svg import read_sealed


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


def advise_remake(damaged: Sequence[Damage], file: Path) -> str:
    """Return the command that remakes damaged files: a file that no job asks for is not missed."""
    # The note of a try is made by no rule of its own, and does no harm.
    files = {
        str(damage.remake): None for damage in damaged if "attempts" not in damage.remake.parts
    }
    command = f"snakemake --cores all --configfile {file} --forcerun {' '.join(files)}"
    return f"All of them are made again by\n  {command}" if files else "No figure follows from it."
