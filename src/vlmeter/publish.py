"""A finished study's report, figures and tables, kept with the documentation.

`python -m vlmeter.publish config/blip2-architecture.yaml docs/measurements` copies them into a
folder named after the device that was measured.
"""

import re
import shutil
import sys
from pathlib import Path

from vlmeter.config.load import load_config
from vlmeter.errors import UserError
from vlmeter.files import read_json, replacing
from vlmeter.study import Study

_KEPT = (
    "*.md",
    "study*.html",
    "study.json",
    "*.csv",
    "machine.json",
    "repeatability.json",
    "figures/**/*.svg",
    "gallery/*",
)


def device_slug(machine: dict[str, object]) -> str:
    """Return a folder's name for a machine: its first GPU's, or else its CPU's."""
    gpus, cpu = machine.get("gpus"), machine.get("cpu")
    if isinstance(gpus, list) and gpus:
        name = str(gpus[0]["name"])
    else:
        name = str(cpu["name"]) if isinstance(cpu, dict) else "unknown"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def publish(results: Path, target: Path) -> Path:
    """Copy a study's report below `target`; return the folder.

    Raises:
        UserError: the study is not finished.
    """
    if not (results / "check.json").exists():
        raise UserError(f"{results} is not finished: run its study to the end first.")
    folder = target / device_slug(read_json(results / "machine.json")) / results.name
    for pattern in _KEPT:
        for source in sorted(results.glob(pattern)):
            with replacing(folder / source.relative_to(results)) as aside:
                shutil.copyfile(source, aside)
    return folder


def main() -> None:
    """Publish the study named on the command line."""
    try:
        study = Study(load_config(Path(sys.argv[1])))
        print(publish(study.folder, Path(sys.argv[2])))
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
