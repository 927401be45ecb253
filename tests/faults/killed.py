"""Processes are killed: a job, a cell's child, Snakemake itself; or there are two of it."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
from expectations import (
    expect,
    expect_gone,
    expect_status,
    expect_whole_or_absent,
    run_again,
)
from study import RESULTS_FOLDER, Job, Study, descendants

QUICK_RULES = (
    *("download_dataset", "preprocess_images", "run_inference", "score_predictions"),
    *("aggregate", "plot_section", "render_report", "check_study"),
)
"""Jobs that take little time where cells have their figures from elsewhere."""


def kill_a_job(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named(*QUICK_RULES))
    expect_gone(kill_while_it_runs(study, job, dice))
    expect_whole_or_absent(study)
    run_again(study, job, forked=False)
    return f"{job.rule} killed"


def kill_while_it_runs(study: Study, job: Job, dice: random.Random) -> list[psutil.Process]:
    """Kill a job at any moment of the time that it takes; return the children that it had."""
    process = study.start(job)
    time.sleep(dice.uniform(0, study.seconds.get(job.name, 1.0)))
    children = descendants(process.pid)
    process.kill()
    study.finish(job, process)
    return children


def kill_a_cell_s_child(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.measurable())
    process = study.start(job, study.environment({job.cell: "hang"}))
    child = next(iter(_wait_for_children(process)), None)
    expect(child is not None, f"{job.name} has no child")
    assert child is not None
    time.sleep(dice.uniform(0, 0.3))
    name = dice.choice(["SIGKILL", "SIGSEGV", "SIGTERM", "SIGABRT"])
    child.send_signal(getattr(signal, name))
    ended = study.finish(job, process)
    expect(ended.code == 0, ended.output)
    message = expect_status(study, job, "crashed", f"killed by {name}")
    run_again(study, job)
    return message


def _wait_for_children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Children of a cell's job; the child has a group of its own once it is set up."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(psutil.Error, ProcessLookupError):
            children = [
                child for child in descendants(process.pid) if os.getpgid(child.pid) == child.pid
            ]
            if children:
                return children
        time.sleep(0.01)
    return []


def _workflow(study: Study) -> subprocess.Popen[bytes]:
    """Start Snakemake on the study, in which all cells are to be measured."""
    shutil.rmtree(study.tree.path(str(RESULTS_FOLDER / "cells")), ignore_errors=True)
    # Without this nothing asks for the cells.
    study.tree.path(str(RESULTS_FOLDER / "summary.csv")).unlink()
    return _snakemake(study)


def _snakemake(study: Study, *arguments: str) -> subprocess.Popen[bytes]:
    target = str(RESULTS_FOLDER / "summary.csv")
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", target, *arguments),
            *("--cores", "2", "--nocolor", "--configfile", "study.yaml"),
        ],
        cwd=study.tree.folder,
        env=study.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _output(process: subprocess.Popen[bytes]) -> str:
    """Wait for a process's end, which is a failure where it hangs; return what it printed."""
    try:
        return process.communicate(timeout=600)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def _expect_the_same_summary(study: Study) -> None:
    process = _snakemake(study)
    output = _output(process)
    expect(process.returncode == 0, output[-1500:])
    paths = [RESULTS_FOLDER / name for name in ("summary.csv", "layers.csv", "differences.csv")]
    changed = study.differences(paths)
    expect(not changed, f"another summary than in an undisturbed run: {changed}")
    study.renew()


def kill_snakemake(study: Study, dice: random.Random) -> str:
    process = _workflow(study)
    time.sleep(dice.uniform(1.5, study.seconds.setdefault("workflow", 15.0)))
    children = descendants(process.pid)
    process.kill()
    _output(process)
    expect_gone(children)
    expect_whole_or_absent(study)
    _expect_the_same_summary(study)
    return "Snakemake killed; the same command goes on"


def two_at_once(study: Study, dice: random.Random) -> str:
    first = _workflow(study)
    held = study.tree.result(".running")
    while first.poll() is None and not held.exists():
        time.sleep(0.02)
    time.sleep(dice.uniform(0, 2))
    second = _snakemake(study)
    outputs = [_output(first), _output(second)]
    codes = sorted([first.returncode, second.returncode])
    if codes != [0, 0]:
        refused = outputs[0] if first.returncode else outputs[1]
        expect(codes[0] == 0, f"both failed: {outputs}")
        expect("is in use by another run (process " in refused, refused[-500:])
    _expect_the_same_summary(study)
    return "the second of two is refused" if codes != [0, 0] else "the second came after the first"
