"""How long Snakemake and the report take over a large study, whatever its cells take.

`python benchmarks/large_studies.py [cells ...]`, 1,000 and 5,000 without a number, on two cores:
plans a study that nobody has begun, runs everything after its last record, and looks whether there
is anything to do; fails above a bound.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from made_up_study import CONFIG, fill_results, make_tree
from watched import HEADING, Step, by_rule, run_snakemake

CELLS = (1000, 5000)
USUAL = ("--cores", "2", "--configfile", CONFIG)
BOUND_S = {
    "dry run": {1000: 5.0, 5000: 15.0},
    "to the report": {5000: 60.0},
    "nothing to do": {1000: 5.0},
}
"""Seconds by cells."""
TOUCHED_CELLS = 1000
"""Most cells of a study that is looked at once more: to touch each takes Snakemake 0.1 s."""


@dataclass(frozen=True)
class Run:
    """One run of Snakemake over the whole study."""

    what: str
    steps: list[Step]
    whole: Step


def large_study(cells: int) -> Iterator[Run]:
    """Plan a study that nobody has begun, finish one that has all its records, and look again."""
    with tempfile.TemporaryDirectory() as name:
        config = make_tree(Path(name), cells)
        yield Run("dry run", *run_snakemake(config.parent, "--dry-run", *USUAL))
        fill_results(config)
        yield Run("to the report", *run_snakemake(config.parent, *USUAL))
        if cells > TOUCHED_CELLS:
            return
        # What Snakemake notes of a job that ran, it notes of one that is touched: parameters, code.
        run_snakemake(config.parent, "--touch", "--forceall", *USUAL)
        yield Run("nothing to do", *run_snakemake(config.parent, *USUAL))


def print_run(cells: int, run: Run) -> bool:
    """Print a run with its steps; say whether it stayed within its bound."""
    for step in by_rule(run.steps):
        print(f"  {step.name:30}{step.line()}")
    bound_s = BOUND_S[run.what].get(cells)
    passed = bound_s is None or run.whole.wall_s <= bound_s
    words = "" if bound_s is None else f"{bound_s:9.0f}  {'ok' if passed else 'FAILED'}"
    print(f"{f'{cells} cells, {run.what}':32}{run.whole.line()}{words}", flush=True)
    return passed


def main() -> None:
    """Print every run of a study of so many cells, one after the other."""
    sizes = [int(cells) for cells in sys.argv[1:]] or CELLS
    print(f"{'':32}{HEADING}{'bound s':>9}")
    passed = [print_run(cells, run) for cells in sizes for run in large_study(cells)]
    sys.exit(not all(passed))


if __name__ == "__main__":
    main()
