"""A finished study's report, figures and tables, kept with the documentation.

`vlmeter publish config/blip2-architecture.yaml docs/measurements` copies them into a
folder named after the device that was measured, and lists all that is kept there in `README.md`.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlmeter.errors import UserError
from vlmeter.status import Status
from vlmeter.storage.files import read_json, replacing, write_text
from vlmeter.storage.layout import StudyFolder

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


def device_name(study: Mapping[str, Any]) -> str:
    """Return the name of the device that a study is about.

    Args:
        study: The content of its `study.json`.

    Returns:
        The machine's first GPU where a cell was measured on one, or else its processor.
    """
    measured = {row["device"] for row in study["summary"] if row["status"] == Status.OK}
    machine = study["machine"]
    if "cuda" in measured and machine["gpus"]:
        return str(machine["gpus"][0]["name"])
    return str(machine["cpu"]["name"])


def slug(name: str) -> str:
    """Return a device's name as a folder's, without the marks of trade."""
    plain = re.sub(r"\((r|tm)\)", " ", name.lower())
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
        raise UserError(f"{', '.join(missing)}: no such file to keep beside {study.root}.")
    folder = target / slug(device_name(read_json(study.study))) / study.root.name
    sources = [file for pattern in _KEPT for file in sorted(study.root.glob(pattern))]
    kept = {folder / file.relative_to(study.root): file for file in sources}
    for copy, source in {**kept, **{folder / file.name: file for file in beside}}.items():
        with replacing(copy) as aside:
            shutil.copyfile(source, aside)
    write_text(target / _INDEX, index(target))
    return folder


def index(target: Path) -> str:
    """Return the list of all studies that are kept below a folder, as Markdown."""
    lines = []
    for file in sorted(target.glob("*/*/study.json")):
        study: Mapping[str, Any] = read_json(file)
        folder = file.parent
        names = (name for name in _LINKED if (folder / name).is_file())
        links = ", ".join(f"[{name}]({(folder / name).relative_to(target)})" for name in names)
        ok = sum(row["status"] == Status.OK for row in study["summary"])
        cells = f"{ok} of {len(study['summary'])}"
        lines.append(f"| {device_name(study)} | {folder.name} | {cells} | {links} |")
    heading = ("| device | study | cells measured | |", "|---|---|---:|---|")
    return "\n".join((_PREFACE, *heading, *lines, ""))


_PREFACE = """# Measurements

Studies of a model at full size, by device, kept as they came out. `make measurements` measures on
the machine at hand and writes this page: on a GPU all of `config/blip2-architecture.yaml`, on a
processor what it can do of it, `config/blip2-architecture-cpu.yaml`.
"""
