"""The frame around a measured cell: a child of its own, a status in every case, a note of the try.

Whatever happens, every declared output is written and the job ends well: how a cell ended is a
result. Torch is imported in the child alone.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlmeter.cell.attempts import Attempt, write_attempt
from vlmeter.cell.ending import Ending
from vlmeter.machine import devices, gpu_state
from vlmeter.machine.devices import cpu_threads
from vlmeter.machine.isolation import run_isolated
from vlmeter.status import Failure, Status, describe_failure
from vlmeter.storage.files import read_json


def run_cell_job(
    job: Mapping[str, Any],
    inputs: Mapping[str, str],
    status_file: Path,
    timeout_s: float,
    work: Callable[[], None],
    write_failure: Callable[[Failure], None],
) -> None:
    """Run a cell's work isolated, and see to it that it leaves a status.

    Args:
        job: The job's params: cell, attempt, code, software.
        inputs: The job's inputs; without `model` its device was not there when the run began.
        status_file: JSON with the cell's `status`, written by `work` or `write_failure`, last.
        timeout_s: How long the work may take. No part of `job`: what a cell that was in time
            measured does not depend on it.
        work: Imports torch, measures, writes its outputs. Runs in the child.
        write_failure: Writes every declared output for a cell that has no figures.
    """

    def guarded() -> None:
        _prepare_environment(cpu_threads(job["cell"]["measure"]["cpu_threads"]))
        try:
            work()
        except Exception as error:
            failure = _with_occupations(describe_failure(error), taken)
            print(failure.traceback or f"{failure.status}: {failure.reason}", file=sys.stderr)
            write_failure(failure)

    status_file.unlink(missing_ok=True)
    device, gpus = job["cell"]["axes"]["device"], job["cell"]["gpus"]
    death = None
    # Looked at before the cell itself takes its GPUs.
    taken = _taken_gpus(device)
    if "model" not in inputs or not devices.is_present(device, gpus):
        # Known without a child: importing torch to hear it again would take seconds a cell.
        write_failure(Failure(Status.UNAVAILABLE, devices.absence(device, gpus)))
    else:
        death = run_isolated(guarded, timeout_s)
        if death is not None:
            print(f"{Status.CRASHED}: {death.reason}", file=sys.stderr)
            write_failure(Failure(Status.CRASHED, death.reason))
    note = job["attempt"]
    write_attempt(
        Path(note["note"]),
        Attempt(
            key=note["key"],
            count=note["count"],
            status=str(read_json(status_file)["status"]),
            devices=devices.fingerprint(device, job["cell"]["optimization"]),
            taken=sorted(taken),
            timed_out_s=timeout_s if death is not None and death.out_of_time else None,
        ),
    )


def _taken_gpus(device: str) -> dict[str, str]:
    """Return in words why GPUs of this cell are another process's, by UUID."""
    if device != "cuda":
        return {}
    shown = {gpu.uuid for gpu in devices.shown_gpus()}
    return {uuid: words for uuid, words in gpu_state.occupations().items() if uuid in shown}


def _with_occupations(failure: Failure, taken: Mapping[str, str]) -> Failure:
    """Name the others on the GPUs where they may be why a cell could not be measured."""
    if not taken or failure.status not in (Status.OUT_OF_MEMORY, Status.UNAVAILABLE):
        return failure
    return replace(failure, reason="; ".join([failure.reason, *taken.values()]))


def build_ending(job: Mapping[str, Any], failure: Failure | None = None) -> Ending:
    """Return how a cell ended, and in which try; well, where there is no failure."""
    count = job["attempt"]["count"]
    if failure is None:
        return Ending(Status.OK, None, None, count)
    return Ending(failure.status, failure.reason, failure.traceback, count)


def _prepare_environment(threads: int) -> None:
    """Set what libraries read when they are imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        # Snakemake sets these to the rule's threads; a cell's are part of what it measures.
        os.environ[name] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Everything was fetched by rules before this one: a cell that asks the network is a mistake.
    os.environ["HF_HUB_OFFLINE"] = "1"
