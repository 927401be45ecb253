"""How long a large study takes from its last record to its report, as the workflow runs it.

`python benchmarks/large_studies.py [cells]`, 5,000 without a number, on two cores: fails above the
bound for that many cells.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from made_up_study import CONFIG, fill_results, make_tree

CORES = 2
CELLS = 5000
BOUND_S = 60.0
"""Of one run of Snakemake over everything after the records of `CELLS` cells."""
_POLL_S = 0.05


@dataclass
class Step:
    """What one job took, as far as it was seen from outside."""

    name: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0


def main() -> None:
    """Make up a study in a folder of its own, run the rest of the workflow and print a table."""
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else CELLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill_results(make_tree(folder, cells))
        steps, whole = run_from_records(folder)
    print_table(cells, steps, whole)
    sys.exit(whole.wall_s > BOUND_S)


def run_from_records(folder: Path) -> tuple[list[Step], Step]:
    """Run Snakemake in a filled tree; return what each job took, and the run as a whole.

    Raises:
        subprocess.CalledProcessError: Snakemake failed.
    """
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--quiet", "--cores", str(CORES), "--configfile", CONFIG]
    start = time.monotonic()
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL) as run:
        steps = _watch(psutil.Process(run.pid))
        code = run.wait()
    if code:
        raise subprocess.CalledProcessError(code, command)
    used = psutil.Process().cpu_times()
    return steps, Step(
        "the whole run",
        wall_s=time.monotonic() - start,
        cpu_s=used.children_user + used.children_system,
        peak_bytes=max(step.peak_bytes for step in steps),
    )


def _watch(run: psutil.Process) -> list[Step]:
    """Look at the scripts below a process until it has ended."""
    found: dict[int, Step] = {}
    while run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
        for child in _children(run):
            try:
                step = found.get(child.pid) or Step(_script(child))
                used = child.cpu_times()
                step.cpu_s = used.user + used.system
                step.wall_s = time.time() - child.create_time()
                step.peak_bytes = max(step.peak_bytes, child.memory_info().rss)
                found[child.pid] = step
            except (psutil.NoSuchProcess, psutil.ZombieProcess, LookupError):
                continue
        time.sleep(_POLL_S)
    return list(found.values())


def _children(run: psutil.Process) -> list[psutil.Process]:
    try:
        return run.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _script(process: psutil.Process) -> str:
    """Return the name of the workflow's script that a process runs.

    Raises:
        LookupError: it runs none.
    """
    for word in process.cmdline()[1:]:
        path = Path(word)
        if path.parent.name == "scripts" and path.suffix == ".py":
            # Snakemake puts letters of its own before the name.
            return path.stem.partition(".")[2]
    raise LookupError(process.pid)


def print_table(cells: int, steps: list[Step], whole: Step) -> None:
    """Print the steps by name, those of one rule together."""
    print(f"{f'{cells} cells':22}{'jobs':>6}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'bound s':>9}")
    for name, count, step in _by_name(steps):
        print(f"{name:22}{count:6}{step.wall_s:9.1f}{step.cpu_s:9.1f}{step.peak_bytes / 1e6:9.0f}")
    passed = whole.wall_s <= BOUND_S
    print(
        f"{whole.name:22}{len(steps):6}{whole.wall_s:9.1f}{whole.cpu_s:9.1f}"
        f"{whole.peak_bytes / 1e6:9.0f}{BOUND_S:9.0f}  {'ok' if passed else 'FAILED'}"
    )


def _by_name(steps: list[Step]) -> Iterator[tuple[str, int, Step]]:
    for name in dict.fromkeys(step.name for step in steps):
        own = [step for step in steps if step.name == name]
        yield (
            name,
            len(own),
            Step(
                name,
                wall_s=sum(step.wall_s for step in own),
                cpu_s=sum(step.cpu_s for step in own),
                peak_bytes=max(step.peak_bytes for step in own),
            ),
        )


if __name__ == "__main__":
    main()
