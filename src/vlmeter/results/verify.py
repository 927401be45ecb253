"""Whether a study's files are still what was written, down to the last bit.

`vlmeter verify config/my-study.yaml`. A job checks what it reads; this reads all that a
finished study keeps, which no job will read again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vlmeter.errors import UserError
from vlmeter.storage.archive import read_left_out
from vlmeter.storage.files import check_whole, checksums, read_json
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.svg import read_checked


class Damage(NamedTuple):
    """A file that is not what was written."""

    words: str
    remake: Path
    """What is to be made again: the file, or the manifest of it."""


def find_damages(folder: StudyFolder, kept: Iterable[Path] = ()) -> Iterator[Damage]:
    """Yield every file of a study that is damaged or missing.

    What the archive of an imported study left out is not missed.

    Args:
        folder: The study's.
        kept: The files that it keeps, where it is finished.

    Raises:
        UserError: nobody can say what was left out.
    """
    left_out = {folder.root / name for names in read_left_out(folder).values() for name in names}
    missing = {path for path in (*kept, *left_out) if not path.exists()}
    for path in sorted(missing - left_out):
        yield Damage(f"{path} is missing.", path)
    for path in sorted(folder.root.rglob("*.json")):
        if path.parent.parent == folder.models:
            # A file of a model: its manifest has the checksum.
            continue
        try:
            content = read_json(path)
        except UserError as error:
            yield Damage(str(error), path)
            continue
        yield from _check_files(path, content, missing)
    for path in sorted(folder.root.rglob("*.svg")):
        try:
            read_checked(path)
        except UserError as error:
            yield Damage(str(error), path)


def _check_files(
    path: Path, content: Mapping[str, object], missing: Collection[Path]
) -> Iterator[Damage]:
    """Yield what is wrong with the files whose checksums a JSON file holds."""
    if _is_outdated(path, content):
        yield Damage(f"{path} is of an earlier measurement of its cell.", path)
        return
    table = path.with_suffix(".parquet")
    sha256 = content.get("without_images_sha256") or content.get("sha256")
    listed = [] if sha256 is None else [(table, sha256, path)]
    for name, checksum in checksums(content).items():
        if isinstance(checksum, dict):
            listed.append((path.with_suffix("") / name, checksum["sha256"], path))
        else:
            file = _find_file(path, name)
            # No rule makes a picture alone.
            listed.append((file, checksum, path if file.suffix == ".jpg" else file))
    for file, sha256, remake in listed:
        if file in missing:
            continue
        try:
            check_whole(file, sha256, remake)
        except UserError as error:
            yield Damage(str(error), remake)


def _is_outdated(path: Path, content: Mapping[str, object]) -> bool:
    """Say whether a cell was measured again and its record is not yet: its run did not end."""
    measurement = path.with_name("measurement.json")
    if path.name != "record.json" or not measurement.exists():
        return False
    try:
        measured = checksums(read_json(measurement))
    except UserError:
        return False
    return not measured.items() <= checksums(content).items()


def _find_file(path: Path, name: str) -> Path:
    """Return the file that a JSON file calls by this name."""
    if name == "table":
        return path.with_suffix(".csv")
    return path.with_name(name if "." in name else f"{name}.parquet")


def list_remakes(folder: StudyFolder, damaged: Sequence[Damage]) -> list[str]:
    """Return the files that Snakemake has to make again for all of a study to be whole.

    No rule makes the note of an attempt, and a damaged one does no harm.
    """
    remakes = (damage.remake for damage in damaged if folder.attempts not in damage.remake.parents)
    return list(dict.fromkeys(map(str, remakes)))
