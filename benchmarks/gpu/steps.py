"""Steps under one time limit: each has its own, keeps what it made, and ends no other."""

import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from typing import IO

LOG = "log.txt"
TABLE = "steps.md"
_LEFT_OUT_FILES = ("*.safetensors", "data", "models", "images.parquet")
"""What is large in a study's results and is made again from its config."""
_PACKING_S = 5.0
"""Kept back from the whole limit, for packing after the last step."""
_GRACE_S = 3.0
"""From the request to end to the end by force."""
LIMIT_VARIABLE = "STEP_LIMIT_S"
"""The environment variable that holds a command's limit in seconds."""
_LEAST_S = 2.0
"""A step with less time than this is left out."""

ENDED_WELL, FAILED, LEFT_OUT = "ended well", "failed", "left out"


@dataclass(frozen=True)
class Step:
    """A command of the check."""

    name: str
    command: Sequence[str]
    share: float
    """Its limit, as a share of the whole check's."""
    results: Sequence[Path] = ()
    """Folders that it makes, packed into `<name>.tgz` however it ends."""


@dataclass(frozen=True)
class Ending:
    """How a step ended."""

    step: str
    state: str
    """One of `ENDED_WELL`, `FAILED`, `LEFT_OUT`."""
    reason: str
    """Empty where it ended well."""
    wall_s: float
    limit_s: float


def run_steps(
    steps: Sequence[Step], limit_s: float, folder: Path, environment: Mapping[str, str], home: Path
) -> list[Ending]:
    """Run the steps in their order, whatever becomes of each.

    Args:
        steps: In their order.
        limit_s: Of all steps together.
        folder: Takes the log, an archive per step, and the table of steps after each.
        environment: Of every command.
        home: The folder that the commands run in, and that the archives' paths begin in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + limit_s
    endings: list[Ending] = []
    with (folder / LOG).open("wb") as log:
        for step in steps:
            left_s = end - time.monotonic() - _PACKING_S
            endings.append(_run(step, min(step.share * limit_s, left_s), log, environment, home))
            pack(step.results, folder / f"{step.name}.tgz", home)
            (folder / TABLE).write_text(table(endings), "utf-8")
    return endings


def _run(
    step: Step, limit_s: float, log: BufferedWriter, environment: Mapping[str, str], home: Path
) -> Ending:
    if limit_s < _LEAST_S:
        return Ending(step.name, LEFT_OUT, "no time was left for it", 0.0, max(limit_s, 0.0))
    _say(log, f"== {step.name}, at most {limit_s:.0f} s ==\n".encode())
    start = time.monotonic()
    reason = _run_command(step.command, limit_s, log, environment, home)
    wall_s = time.monotonic() - start
    state = FAILED if reason else ENDED_WELL
    _say(log, f"== {step.name} {state} after {wall_s:.0f} s {reason}\n\n".encode())
    return Ending(step.name, state, reason, wall_s, limit_s)


def _run_command(
    command: Sequence[str],
    limit_s: float,
    log: BufferedWriter,
    environment: Mapping[str, str],
    home: Path,
) -> str:
    """Run a command, and end all its processes at its limit; return why it failed, or nothing."""
    try:
        process = subprocess.Popen(
            command,
            cwd=home,
            env={**environment, LIMIT_VARIABLE: f"{limit_s:.1f}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own, so that the limit reaches the jobs below the command too.
            start_new_session=True,
        )
    except OSError as error:
        return str(error)
    assert process.stdout is not None
    copier = threading.Thread(target=_copy, args=(process.stdout, log), daemon=True)
    copier.start()
    try:
        code = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return "ended by its time limit"
    finally:
        _end(process)
        # What outlives its group holds the pipe open: no reason to wait for it.
        copier.join(_GRACE_S)
    return f"exit status {code}" if code else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process's group, by force where a request does not do it."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, kind)
        except ProcessLookupError:
            break
        deadline = time.monotonic() + _GRACE_S
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    process.wait()


def _copy(source: IO[bytes], log: BufferedWriter) -> None:
    for line in source:
        _say(log, line)


def _say(log: BufferedWriter, line: bytes) -> None:
    sys.stdout.write(line.decode(errors="replace"))
    sys.stdout.flush()
    log.write(line)
    log.flush()


def pack(results: Sequence[Path], archive: Path, home: Path) -> None:
    """Pack what there is of some folders, without what is large.

    Args:
        results: Folders, relative to `home`.
        archive: Written; not at all where no folder is there.
        home: Where the paths inside the archive begin.
    """
    present = [folder for folder in results if (home / folder).is_dir()]
    if not present:
        return
    aside = archive.with_suffix(".part")
    with tarfile.open(aside, "w:gz") as packed:
        for file in (file for folder in present for file in _files(home / folder)):
            packed.add(file, file.relative_to(home), recursive=False)
    aside.replace(archive)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(path.match(pattern) for pattern in _LEFT_OUT_FILES):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def table(endings: Sequence[Ending]) -> str:
    """Return the steps as a table in Markdown."""
    rows = [
        f"| {end.step} | {end.state} | {end.wall_s:.0f} | {end.limit_s:.0f} | {end.reason} |"
        for end in endings
    ]
    return "\n".join(("| step | | s | limit s | |", "|---|---|---:|---:|---|", *rows, ""))
