"""How long the demo takes, what it spends the time on, and how much of a cell is measurement."""

import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imports import time_plain_imports
from watched import HEADING, Step, by_rule, run_snakemake

from vlmeter.status import Status
from vlmeter.storage.files import read_json

REPOSITORY = Path(__file__).parents[1]
PARTS = ("Snakefile", "workflow", "config", "report", "envs", "profiles", "demo")
DEMO = ("--configfile", "config/demo.yaml")
RESULTS = Path("results") / "demo"
BOUND = 50.0
"""Of all that is neither a cell's measuring nor the cell that compiles: as a multiple of what
importing torch takes here. How long a window lasts is the config's, how fast processes start and
import is the machine's; how many there are, and what each imports, is this project's."""


def main() -> None:
    """Run the demo in a folder of its own and print where the time went."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            source = REPOSITORY / part
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, folder / part)
        steps, pipeline = run_snakemake(folder, "--cores", "all", *DEMO)
        page = str(RESULTS / "report.html")
        _, report = run_snakemake(folder, *DEMO, "--report", page)
        cells = list(measured_cells(folder))
        spent = list(where_time_went(folder))
    import_s = time_plain_imports()
    print(f"{'':32}{HEADING}")
    for step in by_rule(steps):
        print(f"  {step.name:30}{step.line()}")
    print(f"{'the pipeline':32}{pipeline.line()}")
    print(f"{'Snakemake report':32}{report.line()}")
    sys.exit(not print_verdict(pipeline, cells, spent, import_s))


def measured_cells(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the measurements of the cells that went well."""
    for path in sorted((folder / RESULTS / "cells").glob("*/*/measurement.json")):
        measurement: Any = read_json(path)
        if measurement["status"] == Status.OK:
            yield measurement


def where_time_went(folder: Path) -> Iterator[dict[str, float]]:
    """Yield `time_spent_s` of every cell that compiled nothing."""
    for measurement in measured_cells(folder):
        if measurement["compile"] is None:
            yield measurement["time_spent_s"]


def print_verdict(
    pipeline: Step, cells: list[dict[str, Any]], spent: list[dict[str, float]], import_s: float
) -> bool:
    """Print medians over the cells, and the pipeline's time; return whether its bound is kept."""
    compiling_s = sum(
        measurement["time_spent_s"]["whole"]
        for measurement in cells
        if measurement["compile"] is not None
    )
    without_s = pipeline.wall_s - compiling_s
    print(f"the cell that compiles {compiling_s:.1f} s; all else {without_s:.1f} s")
    names = dict.fromkeys(name for phases in spent for name in phases if name != "share_measured")
    for name in names:
        print(f"  {name:30}{statistics.median(phases.get(name, 0.0) for phases in spent):9.2f} s")
    first_s = statistics.median(
        phases["start"] + phases["set_up"] + phases["checks"] for phases in spent
    )
    share = statistics.median(phases["share_measured"] for phases in spent)
    print(f"start of the cell's process to its first answers {first_s:.2f} s; measured {share:.0%}")
    measuring_s = sum(phases["whole"] * phases["share_measured"] for phases in spent)
    rest_s = without_s - measuring_s
    ratio = rest_s / import_s
    kept = ratio <= BOUND
    print(
        f"cells measure {measuring_s:.1f} s; the rest is {rest_s:.1f} s, {ratio:.1f} times "
        f"importing torch ({import_s:.2f} s); bound {BOUND:.0f}: {'ok' if kept else 'FAILED'}"
    )
    return kept


if __name__ == "__main__":
    main()
