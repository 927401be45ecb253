"""`vlmeter compare`: a report on what differs between finished studies."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from vlmeter.commands.paths import read_path
from vlmeter.errors import UserError
from vlmeter.storage.layout import RESULTS

DESCRIPTION = "report what differs between finished studies"
_LONGEST_NAME = 200
"""Most bytes of a name that is made up; file systems take 255."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "studies",
        type=read_path,
        nargs="*",
        metavar="study",
        help="results of a study; the first is the one that the others are compared with",
    )
    parser.add_argument(
        "--into", type=read_path, help="folder to write to; default: results/comparisons/<a>--<b>"
    )


def run(options: argparse.Namespace) -> None:
    """Write the report and say where its pages lie."""
    from vlmeter.compare.page import compare  # noqa: PLC0415

    into = options.into or RESULTS / "comparisons" / _name_folder(options.studies)
    for path in compare(options.studies, into):
        print(path)


def _name_folder(studies: Sequence[Path]) -> str:
    name = "--".join(study.resolve().name for study in studies)
    if len(os.fsencode(name)) > _LONGEST_NAME:
        raise UserError(
            f"The names of these {len(studies)} studies are too long for one folder's: say with "
            "--into where the report goes."
        )
    return name
