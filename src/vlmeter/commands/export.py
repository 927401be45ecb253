"""`vlmeter export`: a finished study in one file, for others to check, score and show."""

import argparse
from pathlib import Path

from vlmeter.commands.paths import read_path

DESCRIPTION = "put a finished study into one file, by default without images and weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("study", type=read_path, help="results of the study")
    parser.add_argument("archive", type=Path, help="file to write, such as study.zip")
    parser.add_argument(
        "--with-images", action="store_true", help="with the samples' images and their pictures"
    )
    parser.add_argument("--with-weights", action="store_true", help="with the stored models")


def run(options: argparse.Namespace) -> None:
    """Write the archive and say what it is known by."""
    from vlmeter.storage.archive import describe_left_out  # noqa: PLC0415
    from vlmeter.storage.files import file_sha256  # noqa: PLC0415
    from vlmeter.study.export_archive import export_archive  # noqa: PLC0415

    left_out = export_archive(
        options.study,
        options.archive,
        with_images=options.with_images,
        with_weights=options.with_weights,
    )
    size = options.archive.stat().st_size
    print(f"{options.archive}: {size} bytes, SHA-256 {file_sha256(options.archive)}")
    if left_out:
        print(describe_left_out(left_out))
