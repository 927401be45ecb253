"""Makes a folder of its own of a study's archive, or nothing at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from vlmeter.config.load import load_config
from vlmeter.errors import UserError
from vlmeter.storage.archive import read_left_out
from vlmeter.storage.files import replacing_folder
from vlmeter.storage.layout import CONFIG, RESULTS, StudyFolder
from vlmeter.storage.unpack import check_room, open_archive


class ImportedStudy(NamedTuple):
    """What became of an archive."""

    folder: Path
    results: Path
    """From the folder."""
    left_out: Mapping[str, list[str]]
    """Paths below the results, by kind."""


def import_archive(archive: Path, folder: Path | None = None) -> ImportedStudy:
    """Unpack an archive into a new folder.

    Args:
        archive: What `export_archive` wrote.
        folder: A folder that does not exist or is empty; by default it has the study's name.

    Raises:
        UserError: the archive is refused, or the folder holds something. Nothing is left then.
    """
    with open_archive(archive) as opened:
        name = opened.manifest.study
        target = folder or Path(name)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UserError(f"{target} exists: say another folder after {archive}.")
        with replacing_folder(target) as aside:
            check_room(opened.manifest, aside)
            opened.extract(aside)
            results = StudyFolder(aside / RESULTS / name)
            left_out = read_left_out(results)
            study = load_config(aside / CONFIG).study
            if study != name:
                raise UserError(
                    f"{archive}: its config is of the study {study}, its results of {name}: "
                    "nothing was imported; ask for it once more."
                )
    return ImportedStudy(target, RESULTS / name, left_out)
