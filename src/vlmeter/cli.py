"""The command line beside Snakemake: `vlmeter --help` lists its commands.

Each command imports what it needs when it runs, so that `--help` costs nothing.
"""

import argparse
import math
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence

from vlmeter.commands import compare, export, import_study, init
from vlmeter.commands.paths import read_path
from vlmeter.errors import UserError
from vlmeter.source_file import CHECKOUT
from vlmeter.storage.layout import CONFIG

_LIMITS = (
    ("min-quality", "VALUE", "worst value of the metric of each data set"),
    ("max-latency", "SECONDS", "longest forward pass of a batch"),
    ("max-memory", "GB", "highest peak of memory"),
    ("max-energy", "JOULES", "highest metered energy per sample"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that `arguments` name, by default those of the process.

    A `UserError` ends the process with its sentence and no traceback.
    """
    try:
        options = _make_parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], None] = options.run
        run(options)
    except UserError as error:
        sys.exit(str(error))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vlmeter", description="Looks at studies before and after Snakemake runs them."
    )
    commands = parser.add_subparsers(metavar="command", required=True)

    def add_command(
        name: str, run: Callable[[argparse.Namespace], None], description: str
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=description, description=f"{description}.")
        command.set_defaults(run=run)
        return command

    init.add_arguments(add_command("init", init.run, init.DESCRIPTION))
    plan = add_command("plan", _plan, "say what a study would do, before anything is fetched")
    _add_config(plan)
    verify = add_command("verify", _verify, "see that every file of a study is what was written")
    _add_config(verify)
    verify.add_argument(
        "--repair", action="store_true", help="make damaged and missing files again by Snakemake"
    )
    decide = add_command("decide", _decide, "say which setting of a finished study to deploy")
    decide.add_argument("study", type=read_path, help="results of the study")
    for name, unit, words in _LIMITS:
        decide.add_argument(
            f"--{name}",
            type=_read_limit,
            metavar=unit,
            help=f"{words}; default: what the study's config asks for",
        )
    methods = add_command(
        "methods", _print_methods, "print a methods paragraph for a paper, from a finished study"
    )
    methods.add_argument("study", type=read_path, help="results of the study")
    compare.add_arguments(add_command("compare", compare.run, compare.DESCRIPTION))
    export.add_arguments(add_command("export", export.run, export.DESCRIPTION))
    import_study.add_arguments(add_command("import", import_study.run, import_study.DESCRIPTION))
    publish = add_command("publish", _publish, "copy a finished study's report, figures and tables")
    publish.add_argument("config", type=read_path, help="the study's config file")
    publish.add_argument(
        "target", type=read_path, help="folder; a device and a study get folders in it"
    )
    publish.add_argument(
        "--beside", type=read_path, nargs="+", default=[], help="further files to keep"
    )
    add_command(
        "reference", _write_reference, "write the generated parts of the docs, from the code's root"
    )
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config",
        type=read_path,
        nargs="?",
        default=CONFIG,
        help="the study's config file; default: %(default)s",
    )


def _plan(options: argparse.Namespace) -> None:
    from vlmeter.config.load import load_config  # noqa: PLC0415
    from vlmeter.study.gates import check_gates  # noqa: PLC0415
    from vlmeter.study.plan import make_plan  # noqa: PLC0415
    from vlmeter.study.study import Study  # noqa: PLC0415

    study = Study(load_config(options.config))
    check_gates(study, str(options.config))
    plan = make_plan(study)
    print(plan.text)
    if plan.problems:
        raise UserError("\n".join(["", *plan.problems]))


def _verify(options: argparse.Namespace) -> None:
    from vlmeter.config.load import load_config  # noqa: PLC0415
    from vlmeter.results.verify import find_damages, list_remakes  # noqa: PLC0415
    from vlmeter.storage.archive import describe_left_out, read_left_out  # noqa: PLC0415
    from vlmeter.storage.places import is_measured  # noqa: PLC0415
    from vlmeter.study.outputs import list_outputs, was_finished  # noqa: PLC0415
    from vlmeter.study.study import Study  # noqa: PLC0415

    study = Study(load_config(options.config))
    folder = study.folder
    if not folder.root.is_dir():
        raise UserError(f"{folder.root} does not exist: run the study first.")
    left_out = read_left_out(folder)
    damaged = list(find_damages(folder, list_outputs(study) if was_finished(study) else ()))
    if not damaged:
        print(f"{folder.root}: every file is what was written.")
        if left_out:
            print(describe_left_out(left_out))
        return
    words = [damage.words for damage in damaged]
    if left_out and any(is_measured(each.remake.relative_to(folder.root)) for each in damaged):
        raise UserError(
            "\n".join([*words, "The study was imported: import its archive once more."])
        )
    remakes = list_remakes(folder, damaged)
    if not remakes:
        raise UserError("\n".join([*words, "No figure follows from it."]))
    command = ["--cores", "all", "--configfile", str(options.config), "--forcerun", *remakes]
    if options.repair:
        print("\n".join(words))
        sys.exit(_run_snakemake(command))
    shown = shlex.join(["snakemake", *command])
    words.append(f"`vlmeter verify --repair` makes all of them again, as this does:\n  {shown}")
    raise UserError("\n".join(words))


def _run_snakemake(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "snakemake", *arguments]
    snakefile = ["--snakefile", str(CHECKOUT / "Snakefile")]
    # No shell: paths of the study are arguments, whatever they hold.
    return subprocess.run([*command, *snakefile], check=False).returncode  # nosec B603


def _read_limit(text: str) -> float:
    limit = float(text)
    if not math.isfinite(limit):
        raise argparse.ArgumentTypeError(f"{text} is no finite number")
    return limit


def _decide(options: argparse.Namespace) -> None:
    from vlmeter.reporting.terminal import describe_decisions  # noqa: PLC0415
    from vlmeter.results.limits import Limits  # noqa: PLC0415

    limits = Limits(
        min_quality=options.min_quality,
        max_latency_s=options.max_latency,
        max_memory_gb=options.max_memory,
        max_energy_j=options.max_energy,
    )
    print(describe_decisions(options.study, limits))


def _print_methods(options: argparse.Namespace) -> None:
    from vlmeter.reporting.methods import write_methods  # noqa: PLC0415

    print(write_methods(options.study))


def _publish(options: argparse.Namespace) -> None:
    from vlmeter.config.load import load_config  # noqa: PLC0415
    from vlmeter.results.publish import publish  # noqa: PLC0415
    from vlmeter.study.study import Study  # noqa: PLC0415

    print(publish(Study(load_config(options.config)).folder, options.target, options.beside))


def _write_reference(_options: argparse.Namespace) -> None:
    if not (CHECKOUT / "docs").is_dir():
        raise UserError(
            "The docs lie in a checkout: install it with `make setup`, and say it there."
        )
    from vlmeter.config.reference import write_config_reference  # noqa: PLC0415
    from vlmeter.models.reference import write_model_reference  # noqa: PLC0415
    from vlmeter.results.reference import write_columns_reference  # noqa: PLC0415

    write_config_reference()
    write_columns_reference()
    write_model_reference()
