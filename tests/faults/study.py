"""A finished study whose jobs can be run again one by one, and compared with what they left."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from fork_server import run_forked
from small_study import RESULTS
from studytree import Tree, find_server

REPLAY = Path(__file__).with_name("replay.py")
RESULTS_FOLDER = Path(RESULTS)
LIMIT_S = 300.0
"""Of a job: what takes longer hangs, which is a failure of the fault that it meets."""

BESIDE: dict[str, list[Callable[[Path], Path]]] = {
    "fetch_model": [lambda manifest: manifest.with_suffix("")],
    "collect_answers": [lambda answers: answers.parent],
}
"""What a rule makes beside the outputs that Snakemake knows, by the first of them."""


@dataclass(frozen=True)
class Job:
    """One job, as the first run called it."""

    name: str
    """Its log, which is its own."""
    rule: str
    kept: Path
    outputs: tuple[Path, ...]
    """From the study's folder."""
    cell: str
    """The cell that it measures, as `fakes/cells` knows it."""


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    code: int
    output: str
    """What it wrote to the terminal and its log."""


class Study:
    """A copy of a finished study to harm, and the original to compare with."""

    def __init__(self, finished: Tree, events: Iterable[Mapping[str, Any]], folder: Path) -> None:
        """Copy it.

        Args:
            finished: The study after its first run.
            events: Of the jobs of that run.
            folder: Where the copy is to lie.
        """
        self.original = finished
        self.tree = finished.copy(folder)
        self.jobs = {job.name: job for job in _jobs(self.tree, events)}
        self.seconds: dict[str, float] = {}

    def renew(self) -> None:
        """Begin with a new copy of the original."""
        shutil.rmtree(self.tree.folder)
        self.tree = self.original.copy(self.tree.folder)

    def named(self, *rules: str) -> list[Job]:
        """The jobs of these rules, in a fixed order."""
        return sorted(
            (job for job in self.jobs.values() if job.rule in rules), key=lambda job: job.name
        )

    def measurable(self) -> list[Job]:
        """The cells that this machine can measure: the others need no child to say so."""
        return [job for job in self.named("run_inference") if "-cuda" not in job.cell]

    def maker(self, path: Path) -> Job | None:
        """The job that makes a file."""
        for job in self.jobs.values():
            if any(path == output or output in path.parents for output in job.outputs):
                return job
        return None

    def environment(
        self, endings: Mapping[str, str] | None = None, *, quick: bool = True, **more: str
    ) -> dict[str, str]:
        """What a job sees: cells have their figures from the original, save those in `endings`."""
        figures = {
            job.cell: str(self.original.path(str(job.outputs[0].parent)))
            for job in self.jobs.values()
            if job.cell
        }
        base = self.tree.environment(endings={**figures, **(endings or {})})
        base.pop("CAPTURED_JOBS")
        return {**base, **({"CELLS_ARE_QUICK": "1"} if quick else {}), **more}

    def start(
        self, job: Job, environment: Mapping[str, str] | None = None, *before: str
    ) -> subprocess.Popen[bytes]:
        """Start a job without its old outputs, as Snakemake does."""
        self._delete_outputs(job)
        return subprocess.Popen(
            [*before, sys.executable, str(REPLAY), str(job.kept)],
            cwd=self.tree.folder,
            env=dict(environment or self.environment()),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def finish(self, job: Job, process: subprocess.Popen[bytes]) -> Ended:
        """Wait for a job's end.

        Raises:
            subprocess.TimeoutExpired: it hangs; it is killed.
        """
        try:
            printed = process.communicate(timeout=LIMIT_S)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return self._end(job, process.returncode, printed)

    def run(
        self,
        job: Job,
        environment: Mapping[str, str] | None = None,
        *before: str,
        forked: bool = True,
    ) -> Ended:
        """Run a job to its end, undisturbed if its environment is.

        Args:
            job: The job.
            environment: What it sees.
            before: What starts it, if another program does.
            forked: It is a fork of a process that has imported what takes long, where no other
                program starts it. What is killed later is started, which shows how long it takes.
        """
        if forked and not before:
            return self._fork(job, environment or self.environment())
        start = time.monotonic()
        ended = self.finish(job, self.start(job, environment, *before))
        self.seconds.setdefault(job.name, time.monotonic() - start)
        return ended

    def _fork(self, job: Job, environment: Mapping[str, str]) -> Ended:
        self._delete_outputs(job)
        command, folder = [str(REPLAY), str(job.kept)], str(self.tree.folder)
        with self.tree.path(".printed").open("w+b") as printed:
            code = run_forked(
                find_server(), command, folder, dict(environment), printed.fileno(), LIMIT_S
            )
            printed.seek(0)
            return self._end(job, code, printed.read())

    def _delete_outputs(self, job: Job) -> None:
        for output in job.outputs:
            path = self.tree.path(str(output))
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _end(self, job: Job, code: int, printed: bytes) -> Ended:
        output = printed.decode(errors="replace")
        with suppress(OSError):
            output += self.tree.path(job.name).read_text(errors="replace")
        return Ended(code, output)

    def say(self, *command: str) -> tuple[int, str]:
        """Run a command in the study; return its exit code and output."""
        done = subprocess.run(
            command,
            cwd=self.tree.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
        return done.returncode, done.stdout

    def call(self, job: Job) -> None:
        """Run a job's work in this very process: quickly, and with its exceptions."""
        _, (_, work, *args), kwargs = pickle.loads(job.kept.read_bytes())
        with working_in(self.tree.folder):
            work(*args, **kwargs)

    def differences(self, paths: Iterable[Path] | None = None) -> list[str]:
        """The results that are not byte for byte those of the undisturbed run."""
        outputs = paths or [path for job in self.jobs.values() for path in job.outputs]
        return sorted(
            str(path)
            for output in outputs
            for path in self._files(output)
            if _content(self.tree.path(str(path))) != _content(self.original.path(str(path)))
        )

    def _files(self, output: Path) -> list[Path]:
        folder = self.original.path(str(output))
        if not folder.is_dir():
            return [output]
        return [output / path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]

    def restore(self, paths: Iterable[Path]) -> None:
        """Put files of the original back, so that the next fault meets an undisturbed study."""
        for output in paths:
            for path in self._files(output):
                target = self.tree.path(str(path))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.original.path(str(path)), target)


@contextmanager
def working_in(folder: Path):
    """Change the working directory for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def descendants(pid: int) -> list[psutil.Process]:
    """A process's children and theirs."""
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _jobs(tree: Tree, events: Iterable[Mapping[str, Any]]) -> Iterable[Job]:
    """The jobs that left their call, with the outputs that Snakemake reported."""
    for event in events:
        for log in event["log"]:
            kept = tree.path(f".captured/{log.replace('/', '+')}.pickle")
            # Snakemake has removed those that were needed for a while only.
            outputs = [Path(path) for path in event["output"] if tree.path(path).exists()]
            outputs += [folder(outputs[0]) for folder in BESIDE.get(event["rule"], [])]
            measures = event["rule"] in ("run_inference", "measure_control")
            cell = _cell(kept) if measures else ""
            yield Job(log, event["rule"], kept, tuple(outputs), cell)


def _cell(kept: Path) -> str:
    _, args, _ = pickle.loads(kept.read_bytes())
    job = args[4]
    place = "control" if job.cost_only else job.cell.dataset
    return f"{place}/{job.cell.id}"
