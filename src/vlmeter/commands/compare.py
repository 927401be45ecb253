"""`vlmeter compare`: a report on what differs between finished studies."""

import argparse
from pathlib import Path

from vlmeter.storage.layout import RESULTS

DESCRIPTION = "report what differs between finished studies"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "studies",
        type=Path,
        nargs="*",
        metavar="study",
        help="results of a study; the first is the one that the others are compared with",
    )
    parser.add_argument(
        "--into", type=Path, help="folder to write to; default: results/comparisons/<a>--<b>"
    )


def run(options: argparse.Namespace) -> None:
    """Write the report and say where its pages lie."""
    from vlmeter.compare.page import compare  # noqa: PLC0415

    name = "--".join(study.resolve().name for study in options.studies)
    for path in compare(options.studies, options.into or RESULTS / "comparisons" / name):
        print(path)
