"""VLMeter on a card that it has not met: two studies, then its figures beside independent ones.

`make gpu-check`, or `python3 benchmarks/gpu/check.py` where there is no virtual environment. One
time limit for all of it; docs/gpu-check.md says what it leaves, and how it runs without a network.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steps import ENDED_WELL, TABLE, Step, run_steps
from studies import FULL_SIZE, REPOSITORY, TINY, core_study, results_of, smoke_study, write_study

BENCHMARKS = REPOSITORY / "benchmarks"
HERE = BENCHMARKS / "gpu"
LIMIT_S = 540.0
"""Of the whole check on an H100; the studies there take about 75 s and 250 s, the truth 130 s."""
ALL_WELL, STEP_FAILED, BEYOND_BOUND = 0, 1, 2
OUT_OF_BOUND = "out of bound"
"""The verdict on such a truth. What was left out for want of time says so in the table alone."""


def main() -> int:
    """Run the check; return `ALL_WELL`, `STEP_FAILED` or `BEYOND_BOUND`."""
    given = _arguments()
    folder = given.into.resolve()
    steps = check_steps(given.device, folder, short=given.short)
    endings = run_steps(steps, given.limit, folder, build_environment(), REPOSITORY)
    for table in (folder / "truth.md", folder / TABLE):
        if table.is_file():
            print("", table.read_text("utf-8"), sep="\n", end="")
    _print_what_to_do(folder)
    if any(ending.state != ENDED_WELL for ending in endings):
        return STEP_FAILED
    rows = json.loads((folder / "truth.json").read_text("utf-8"))["rows"]
    return BEYOND_BOUND if any(row["verdict"] == OUT_OF_BOUND for row in rows) else ALL_WELL


def check_steps(device: str, folder: Path, *, short: bool) -> list[Step]:
    """Return the check's steps, their studies' configs written.

    Args:
        device: `cuda`, or `cpu` for a trial of the check on the demo's tiny model.
        folder: Where the truth table goes.
        short: The studies' first tables without their reports, and no truth that compiles.
    """
    python = sys.executable
    architecture = TINY if device == "cpu" else FULL_SIZE
    truth = [python, str(HERE / "truth.py"), "--device", device, "--into", str(folder)]
    truth += ["--core", str(results_of(core_study(device))), "--architecture", str(architecture)]
    truth += [*(["--short"] if short else [])]
    return [
        Step("versions", [python, str(HERE / "versions.py")], share=0.1),
        _study_step("smoke", smoke_study(device), 0.25, short=short),
        _study_step("core", core_study(device), 0.55, short=short),
        Step("truth", truth, share=0.3),
    ]


def _study_step(name: str, config: Mapping[str, Any], share: float, *, short: bool) -> Step:
    file = write_study(config, REPOSITORY)
    # A run that its limit ended leaves Snakemake's lock behind.
    usual = ("--cores", "all", "--nolock", "--nocolor", "--configfile", str(file))
    targets = [config["sections"][0]["name"]] if short else []
    command = [sys.executable, "-m", "snakemake", *targets, *usual]
    return Step(name, command, share, results=[results_of(config)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds for all of it")
    parser.add_argument("--short", action="store_true", help="no reports, and nothing compiled")
    into = os.environ.get("OUT") or str(REPOSITORY / "results" / "gpu-check")
    parser.add_argument("--into", type=Path, default=Path(into), help="what it leaves; or $OUT")
    return parser.parse_args()


def build_environment() -> dict[str, str]:
    """Return what the steps see: the package and the benchmarks, and no network."""
    search = [os.environ.get("PYTHONPATH"), str(REPOSITORY / "src"), str(BENCHMARKS)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, search)),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Where torch came without bytecode, each process would compile it for ten seconds.
        "PYTHONDONTWRITEBYTECODE": "",
        # Snakemake imports GitPython, which warns where there is no git.
        "GIT_PYTHON_REFRESH": "quiet",
    }


def _print_what_to_do(folder: Path) -> None:
    config = results_of(core_study("cuda")) / "config.yaml"
    tables = [str(folder / name) for name in ("truth.md", "truth.json")]
    command = [str(config), "docs/measurements", "--beside", *tables]
    print(f"\nAll of it: {folder}. To keep it with the documentation:")
    print(f"    vlmeter publish {shlex.join(command)}")


if __name__ == "__main__":
    sys.exit(main())
