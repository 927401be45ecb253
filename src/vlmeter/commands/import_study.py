"""`vlmeter import`: a folder of its own with the study of an archive."""

import argparse
from pathlib import Path

from vlmeter.commands.paths import read_path
from vlmeter.source_file import CHECKOUT

DESCRIPTION = "unpack an archive of `vlmeter export` into a folder of its own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("archive", type=read_path, help="the file")
    parser.add_argument(
        "folder", type=Path, nargs="?", help="a new folder; default: the study's name"
    )


def run(options: argparse.Namespace) -> None:
    """Unpack the archive and say what can be done with it."""
    from vlmeter.storage.archive import describe_left_out  # noqa: PLC0415
    from vlmeter.study.import_archive import import_archive  # noqa: PLC0415

    new = import_archive(options.archive, options.folder)
    print(f"{new.folder / new.results} is what was exported.")
    if new.left_out:
        print(describe_left_out(new.left_out))
    print("See that each file is whole; then score its answers again and write its report anew:")
    print(f"  cd {new.folder}")
    print("  vlmeter verify")
    print(f"  snakemake --snakefile {CHECKOUT / 'Snakefile'} --cores all")
