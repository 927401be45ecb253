"""Runs Snakemake and measures what each of its jobs takes, as far as it shows from outside."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

HEADING = f"{'jobs':>6}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}"
_POLL_S = 0.05


@dataclass
class Step:
    """One or more jobs of a rule."""

    name: str
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    """Of its largest process."""
    jobs: int = 1

    def line(self) -> str:
        """Return the figures under `HEADING`."""
        return f"{self.jobs:6}{self.wall_s:9.1f}{self.cpu_s:9.1f}{self.peak_bytes / 1e6:9.0f}"


def run_snakemake(folder: Path, *arguments: str) -> tuple[list[Step], Step]:
    """Run Snakemake in a folder; return what each job took, and the run as a whole.

    Raises:
        subprocess.CalledProcessError: Snakemake failed; what it printed is printed.
    """
    command = [str(Path(sys.executable).with_name("snakemake")), *arguments]
    printed = folder / "snakemake.out"
    before = _children_cpu_s()
    start = time.monotonic()
    with (
        printed.open("w") as out,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        ) as run,
    ):
        steps = _watch(psutil.Process(run.pid))
        code = run.wait()
    if code:
        print(printed.read_text())
        raise subprocess.CalledProcessError(code, command)
    return steps, Step(
        "the whole run",
        wall_s=time.monotonic() - start,
        cpu_s=_children_cpu_s() - before,
        peak_bytes=max((step.peak_bytes for step in steps), default=0),
        jobs=len(steps),
    )


def by_rule(steps: Sequence[Step]) -> list[Step]:
    """Return the steps by name, with those of the same rule added up."""
    totals = []
    for name in dict.fromkeys(step.name for step in steps):
        own = [step for step in steps if step.name == name]
        totals.append(
            Step(
                name,
                wall_s=sum(step.wall_s for step in own),
                cpu_s=sum(step.cpu_s for step in own),
                peak_bytes=max(step.peak_bytes for step in own),
                jobs=len(own),
            )
        )
    return totals


def _children_cpu_s() -> float:
    used = psutil.Process().cpu_times()
    return float(used.children_user + used.children_system)


def _cpu_s(process: psutil.Process) -> float:
    """Return a process's time with that of its children that have ended."""
    return float(sum(process.cpu_times()[:4]))


def _watch(run: psutil.Process) -> list[Step]:
    """Look at the scripts below a process until it has ended."""
    steps: dict[int, Step] = {}
    while run.is_running() and run.status() != psutil.STATUS_ZOMBIE:
        for child in _children(run):
            try:
                _look(child, steps)
            except (psutil.NoSuchProcess, psutil.ZombieProcess, LookupError):
                continue
        time.sleep(_POLL_S)
    return list(steps.values())


def _look(child: psutil.Process, steps: dict[int, Step]) -> None:
    elder = child.parent()
    if elder is not None and elder.pid in steps:
        # A cell is measured in a child of its job, whose command line is the same.
        return
    step = steps.get(child.pid) or Step(_script(child))
    family = [child, *_children(child)]
    step.cpu_s = max(step.cpu_s, sum(map(_cpu_s, family)))
    step.wall_s = time.time() - child.create_time()
    step.peak_bytes = max(step.peak_bytes, *(process.memory_info().rss for process in family))
    steps[child.pid] = step


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
