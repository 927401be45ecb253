"""`vlmeter init`: a folder of one's own with a config that runs."""

import argparse
from pathlib import Path

from vlmeter.source_file import CHECKOUT

DESCRIPTION = "write the config of a new study into a folder of its own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("folder", type=Path, help="the study's folder; its name is the study's")
    parser.add_argument("--model", required=True, help="a repository on the Hub, or a folder")
    parser.add_argument("--data", required=True, help="a repository on the Hub, or a path")
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="KEY=NAME",
        type=_read_column,
        help="columns that are not to be guessed, such as question=ask",
    )
    for name in ("config", "split", "revision", "table"):
        parser.add_argument(f"--{name}", help=f"as the config's datasets.*.source.{name}")


def _read_column(text: str) -> tuple[str, str]:
    key, sign, name = text.partition("=")
    if not (key and sign and name):
        raise argparse.ArgumentTypeError(f"{text} is no KEY=NAME")
    return key, name


def run(options: argparse.Namespace) -> None:
    """Write the config and say what was guessed."""
    from vlmeter.data.job import DataSource  # noqa: PLC0415
    from vlmeter.study.init_study import (  # noqa: PLC0415
        describe_new_study,
        find_data,
        init_study,
    )

    details = DataSource(
        config=options.config,
        split=options.split,
        revision=options.revision,
        table=options.table,
    )
    data = find_data(options.data, details)
    new = init_study(options.folder, options.model, data, dict(options.columns))
    print("\n".join(describe_new_study(new, CHECKOUT / "Snakefile")))
