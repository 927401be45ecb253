"""How long Snakemake and the report take over a large study, whatever its cells take.

`python benchmarks/large_studies.py [cells ...]`, 1,000 and 5,000 without a number, on two cores:
plans a study that nobody has begun, runs everything after its last record, and looks whether there
is anything to do. Before, it plans as many jobs without VLMeter; fails where a run takes too many
times that.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bare_workflow import make_bare_workflow
from made_up_study import CONFIG, fill_results, make_tree
from watched import HEADING, Step, by_rule, run_snakemake

CELLS = (1000, 5000)
USUAL = ("--cores", "2", "--configfile", CONFIG)
ALONE = "Snakemake alone"
BOUNDS = {
    "dry run": {1000: 2.0, 5000: 1.25},
    "to the report": {5000: 5.0},
    "nothing to do": {1000: 2.0},
}
"""As multiples of Snakemake alone, by cells: how fast the machine is, and what Snakemake takes for
so many jobs, is not this project's to change. A small study has VLMeter's imports besides, which do
not grow; to the report goes what reads records and draws figures, of which Snakemake has none."""
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
        folder, bare = Path(name) / "study", Path(name) / "bare"
        folder.mkdir()
        config = make_tree(folder, cells)
        make_bare_workflow(config, bare)
        yield Run(ALONE, *run_snakemake(bare, "--dry-run", "--cores", "2"))
        yield Run("dry run", *run_snakemake(folder, "--dry-run", *USUAL))
        fill_results(config)
        yield Run("to the report", *run_snakemake(folder, *USUAL))
        if cells > TOUCHED_CELLS:
            return
        # What Snakemake notes of a job that ran, it notes of one that is touched: parameters, code.
        run_snakemake(folder, "--touch", "--forceall", *USUAL)
        yield Run("nothing to do", *run_snakemake(folder, *USUAL))


def print_run(cells: int, run: Run, alone_s: float) -> bool:
    """Print a run with its steps; say whether it stayed within its bound."""
    for step in by_rule(run.steps):
        print(f"  {step.name:30}{step.line()}")
    ratio = run.whole.wall_s / alone_s
    bound = BOUNDS.get(run.what, {}).get(cells)
    passed = bound is None or ratio <= bound
    words = "" if bound is None else f"{bound:9.2f}  {'ok' if passed else 'FAILED'}"
    print(f"{f'{cells} cells, {run.what}':32}{run.whole.line()}{ratio:9.2f}{words}", flush=True)
    return passed


def main() -> None:
    """Print every run of a study of so many cells, one after the other."""
    sizes = [int(cells) for cells in sys.argv[1:]] or CELLS
    print(f"{'':32}{HEADING}{'ratio':>9}{'bound':>9}")
    passed = True
    for cells in sizes:
        alone_s = 0.0
        for run in large_study(cells):
            alone_s = alone_s or run.whole.wall_s
            passed &= print_run(cells, run, alone_s)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
