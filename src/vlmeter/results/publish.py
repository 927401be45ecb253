"""A finished study's report, figures and tables, kept with the documentation.

`vlmeter publish config/blip2-architecture.yaml docs/measurements` copies them into a
folder named after the device that was measured, and lists all that is kept there in `README.md`.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.errors import UserError, listed
from vlmeter.status import Status
from vlmeter.storage.files import read_json, replacing, write_text
from vlmeter.storage.layout import StudyFolder
from vlmeter.storage.typed import from_plain

_KEPT = (
    "*.md",
    "study*.html",
    "study.json",
    "*.csv",
    "machine.json",
    "repeatability.json",
    "config.yaml",
    "figures/**/*.svg",
    "gallery/*",
)
_INDEX = "README.md"
_LINKED = ("report.md", "study.html", "summary.csv", "truth.md")
"""What the index links of each study, where it is there."""


@dataclass(frozen=True)
class _Cell:
    device: str
    status: str


@dataclass(frozen=True)
class _Device:
    name: str


@dataclass(frozen=True)
class _Machine:
    cpu: _Device
    gpus: tuple[_Device, ...]


@dataclass(frozen=True)
class KeptStudy:
    """What the list of kept studies reads of a `study.json`, of earlier versions too."""

    machine: _Machine
    summary: tuple[_Cell, ...]

    def name_device(self) -> str:
        """Return the first GPU where a cell was measured on one, or else the processor."""
        measured = {cell.device for cell in self.summary if cell.status == Status.OK}
        if "cuda" in measured and self.machine.gpus:
            return self.machine.gpus[0].name
        return self.machine.cpu.name

    def count_measured(self) -> int:
        """Return the number of cells with status ok."""
        return sum(cell.status == Status.OK for cell in self.summary)


def read_kept_study(study_json: Path) -> KeptStudy:
    """Read what the list of kept studies needs.

    Raises:
        UserError: the file is missing or damaged; the message names it.
    """
    return from_plain(KeptStudy, read_json(study_json), study_json)


def make_folder_name(device: str) -> str:
    """Return a device's name as a folder's, without trademark signs."""
    plain = re.sub(r"\((r|tm)\)", " ", device.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def publish(study: StudyFolder, target: Path, beside: Sequence[Path] = ()) -> Path:
    """Copy a study's report below `target`, and list it there; return its folder.

    Args:
        study: The files of the finished study.
        target: Holds a folder by device, and in it one by study.
        beside: Further files that belong to the study, such as a table of truths.

    Raises:
        UserError: the study is not finished, or a file is not there.
    """
    if not study.check.exists():
        raise UserError(f"{study.root} is not finished: run its study to the end first.")
    missing = [str(file) for file in beside if not file.is_file()]
    if missing:
        raise UserError(f"{listed(missing)}: no such file to keep beside {study.root}.")
    device = read_kept_study(study.study).name_device()
    folder = target / make_folder_name(device) / study.root.name
    sources = [file for pattern in _KEPT for file in sorted(study.root.glob(pattern))]
    kept = {folder / file.relative_to(study.root): file for file in sources}
    for copy, source in {**kept, **{folder / file.name: file for file in beside}}.items():
        with replacing(copy) as aside:
            shutil.copyfile(source, aside)
    write_text(target / _INDEX, list_kept_studies(target))
    return folder


def list_kept_studies(target: Path) -> str:
    """Return the list of all studies that are kept below a folder, as Markdown."""
    lines = []
    for file in sorted(target.glob("*/*/study.json")):
        study = read_kept_study(file)
        folder = file.parent
        names = (name for name in _LINKED if (folder / name).is_file())
        links = ", ".join(f"[{name}]({(folder / name).relative_to(target)})" for name in names)
        cells = f"{study.count_measured()} of {len(study.summary)}"
        lines.append(f"| {study.name_device()} | {folder.name} | {cells} | {links} |")
    heading = ("| device | study | cells measured | |", "|---|---|---:|---|")
    return "\n".join((_PREFACE, *heading, *lines, ""))


_PREFACE = """# Measurements

Studies of a model at full size, by device, kept as they came out. `make measurements` measures on
the machine at hand and writes this page: on a GPU all of `config/blip2-architecture.yaml`, on a
processor what it can do of it, `config/blip2-architecture-cpu.yaml`.
"""
