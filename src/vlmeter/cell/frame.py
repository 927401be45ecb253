"""The frame around a measured cell: a child of its own, a status in every case, a note of the try.

Whatever happens, every declared output is written and the job ends well: how a cell ended is a
result. Torch is imported in the child alone.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from vlmeter.cell.attempts import Attempt, write_attempt
from vlmeter.cell.ending import Ending
from vlmeter.cell.job import CellInputs, Job, JobAttempt
from vlmeter.machine import devices, gpu_state
from vlmeter.machine.cores import count_cpu_threads
from vlmeter.machine.environment import choose_settings
from vlmeter.machine.imports import import_to_stay
from vlmeter.machine.warm import run_in_child
from vlmeter.status import Failure, Status, describe_failure
from vlmeter.storage.files import read_fresh_json

PRELOAD = "vlmeter.cell.worker.preload"
"""What the run's server imports for all cells, and a cell in its place: then both hold the same."""


class Task(Protocol):
    """What a cell's job does in its child; another process can be given it, pickled."""

    def work(self) -> None:
        """Import torch, measure, and write the outputs."""

    def write_failure(self, failure: Failure) -> None:
        """Write every declared output for a cell that has no figures."""


def run_cell_job(
    job: Job,
    attempt: JobAttempt,
    inputs: CellInputs,
    status_file: Path,
    timeout_s: float,
    task: Task,
) -> None:
    """Run a cell's work isolated, and see to it that it leaves a status.

    Args:
        job: What the work depends on.
        attempt: Which try it is, and where that is noted.
        inputs: The files that the cell is opened from.
        status_file: JSON with the cell's `status`, which the task writes last.
        timeout_s: How long the work may take. No part of `job`: what a cell that was in time
            measured does not depend on it.
        task: Its work runs in the child.
    """
    cell = job.cell
    status_file.unlink(missing_ok=True)
    device = cell.axes.device
    death = None
    # Looked at before the cell itself takes its GPUs.
    taken = _find_taken_gpus(device)
    if inputs.model is None or not devices.is_present(device, cell.gpus):
        # No child: importing torch, only to learn the same, would take seconds a cell.
        task.write_failure(Failure(Status.UNAVAILABLE, devices.describe_absence(device, cell.gpus)))
    else:
        settings = choose_settings(count_cpu_threads(cell.cpu_threads))
        # What libraries take on a GPU, and what torch compiles, follows from the device that they
        # see when they are imported: the run's server sees none.
        alone = device == "cuda" or cell.optimization.needs_compiler
        work = partial(_work, task, settings, taken)
        death = run_in_child(work, timeout_s, settings, own_imports=alone)
        if death is not None:
            print(f"{Status.CRASHED}: {death.reason}", file=sys.stderr)
            task.write_failure(Failure(Status.CRASHED, death.reason))
    ended = read_fresh_json(status_file)
    # Answers and layer profiles have no conditions.
    conditions = ended.get("conditions")
    write_attempt(
        Path(attempt.note),
        Attempt(
            key=attempt.key,
            count=attempt.count,
            status=str(ended["status"]),
            devices=devices.list_fingerprint(device, compiles=cell.optimization.needs_compiler),
            taken=sorted(taken),
            timed_out_s=timeout_s if death is not None and death.out_of_time else None,
            disturbed=isinstance(conditions, dict) and bool(conditions.get("disturbed")),
        ),
    )


def _work(task: Task, settings: Mapping[str, str], taken: Mapping[str, str]) -> None:
    os.environ.update(settings)
    try:
        import_to_stay(PRELOAD)
        task.work()
    except Exception as error:
        failure = _add_occupations(describe_failure(error), taken)
        print(failure.traceback or f"{failure.status}: {failure.reason}", file=sys.stderr)
        task.write_failure(failure)


def _find_taken_gpus(device: str) -> dict[str, str]:
    """Return by UUID, in words, which GPUs of this cell other processes have."""
    if device != "cuda":
        return {}
    shown = {gpu.uuid for gpu in devices.list_shown_gpus()}
    return {
        uuid: words for uuid, words in gpu_state.describe_occupations().items() if uuid in shown
    }


def _add_occupations(failure: Failure, taken: Mapping[str, str]) -> Failure:
    """Name the others on the GPUs where they may be why a cell could not be measured."""
    if not taken or failure.status not in (Status.OUT_OF_MEMORY, Status.UNAVAILABLE):
        return failure
    return replace(failure, reason="; ".join([failure.reason, *taken.values()]))


def build_ending(attempt: JobAttempt, failure: Failure | None = None) -> Ending:
    """Return how a cell ended, and in which try; well, where there is no failure."""
    if failure is None:
        return Ending(Status.OK, None, None, attempt.count)
    return Ending(failure.status, failure.reason, failure.traceback, attempt.count)
