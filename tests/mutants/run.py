"""Changes the code in many small ways, one at a time, and sees that the tests or the types notice.

`make mutants`: draws mutants by a seed, prints a table, and ends with 1 where one went unnoticed
that `docs/tests.md` does not list. mutmut makes them; they are tried here, each in a copy of the
repository with pytest as it always runs. mutmut's own runner forks after the tests of torch have
run, and tries a mutant on those tests only that first ran its function: of a cell that many tests
look at, one.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from copies import Copy, Verdict  # noqa: E402
from drawing import PACKAGE, Mutant, draw_mutants  # noqa: E402

LISTED = Path("docs/tests.md")
AREAS = {
    "gates": ("results/judge_gates.py", "results/gates.py", "study/gates.py", "reporting/gates.py"),
    "decision": ("decision/choose.py", "decision/build_contests.py"),
    "sampling": (
        "data/source.py",
        "data/samples.py",
        "data/download_dataset.py",
        "data/*_files.py",
    ),
    "a cell": ("cell/**/*.py",),
    "measuring": ("measure/**/*.py", "machine/**/*.py"),
    "metrics": ("metrics/**/*.py",),
    "results": ("results/**/*.py",),
}
"""What is changed, by name: a file counts where it is met first."""


@dataclass(frozen=True)
class Tried:
    """A mutant, and what the tests made of it."""

    mutant: Mutant
    verdict: Verdict


def files_by_area() -> dict[Path, str]:
    """Return every file of the areas, with the first one that has it."""
    areas: dict[Path, str] = {}
    for area, patterns in AREAS.items():
        for pattern in patterns:
            for file in sorted(PACKAGE.glob(pattern)):
                areas.setdefault(file, area)
    return areas


def try_mutants(mutants: Iterable[Mutant], folder: Path, workers: int) -> list[Tried]:
    """Try each mutant in a copy of the repository, several at once."""
    copies: SimpleQueue[Copy] = SimpleQueue()
    for number in range(workers):
        copies.put(Copy(folder / f"copy-{number}"))

    def attempt(mutant: Mutant) -> Tried:
        copy = copies.get()
        start = time.monotonic()
        try:
            tried = Tried(mutant, copy.attempt(mutant))
        finally:
            copies.put(copy)
        seconds = time.monotonic() - start
        print(f"{tried.verdict} in {seconds:.0f} s: {mutant.row}", file=sys.stderr, flush=True)
        return tried

    with ThreadPoolExecutor(workers) as pool:
        tried = list(pool.map(attempt, mutants))
    anyway = copies.get().failing_anyway({test for each in tried for test in each.verdict.failed})
    if anyway:
        print(f"fail without a mutant, too: {', '.join(sorted(anyway))}", file=sys.stderr)
    return [Tried(each.mutant, each.verdict.without(anyway)) for each in tried]


def make_table(tried: list[Tried], areas: dict[Path, str]) -> str:
    """Return how many mutants of each area were noticed, as a Markdown table."""
    drawn = Counter(areas[each.mutant.file] for each in tried)
    noticed = Counter(areas[each.mutant.file] for each in tried if each.verdict.noticed)
    by_types = Counter(areas[each.mutant.file] for each in tried if each.verdict.by_types)
    counts = [(area, drawn[area], noticed[area], by_types[area]) for area in AREAS]
    counts.append(("all", drawn.total(), noticed.total(), by_types.total()))
    lines = ["| area | drawn | noticed | by types | share |", "|---|---:|---:|---:|---:|"]
    for area, of, count, of_types in counts:
        share = f"{100 * count / of:.0f} %" if of else "-"
        lines.append(f"| {area} | {of} | {count} | {of_types} | {share} |")
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=40)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="", help="a part of the files' paths")
    options.add_argument("--workers", type=int, default=2, help="how many are tried at once")
    asked = options.parse_args()
    start = time.monotonic()
    areas = files_by_area()
    files = [file for file in areas if asked.only in str(file)]
    mutants = draw_mutants(files, asked.count, asked.seed)
    with tempfile.TemporaryDirectory(prefix="vlmeter-mutants-") as folder:
        tried = try_mutants(mutants, Path(folder), asked.workers)
    minutes = (time.monotonic() - start) / 60
    print(make_table(tried, areas))
    print(f"\nseed {asked.seed}, {len(tried)} mutants, {minutes:.0f} min")
    listed = LISTED.read_text(encoding="utf-8")
    unnoticed = [each.mutant.row for each in tried if not each.verdict.noticed]
    unlisted = [row for row in unnoticed if row not in listed]
    print(f"\nUnnoticed, {len(unlisted)} of them not in {LISTED}:")
    for row in unnoticed:
        print(f"{row}{'' if row in unlisted else ' listed'}")
    sys.exit(bool(unlisted))


if __name__ == "__main__":
    main()
