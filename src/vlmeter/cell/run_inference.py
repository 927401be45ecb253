"""The job of `run_inference`: one cell measured, or the reason why not, in its three files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeter.cell.frame import build_ending, run_cell_job
from vlmeter.cell.job import CellInputs, CellJob, JobAttempt
from vlmeter.cell.measurement import Figures, Measurement
from vlmeter.measure.latency import Timing
from vlmeter.status import Failure
from vlmeter.storage.files import file_sha256, write_placed_json


@dataclass(frozen=True)
class CellOutputs:
    """The files that the job writes."""

    measurement: Path
    timings: Path
    predictions: Path | None = None
    """None where the cell answers in shards."""

    @property
    def tables(self) -> dict[str, Path]:
        """The tables beside the measurement, by name."""
        predictions = {} if self.predictions is None else {"predictions": self.predictions}
        return {**predictions, "timings": self.timings}


def run_inference(
    job: CellJob,
    attempt: JobAttempt,
    inputs: CellInputs,
    machine: Path,
    outputs: CellOutputs,
    timeout_s: float,
) -> None:
    """Measure one cell.

    Args:
        job: The cell, and how it is measured.
        attempt: Which try it is.
        inputs: The files that the cell is opened from.
        machine: `machine.json`.
        outputs: The files to write.
        timeout_s: How long it may take.
    """
    task = _Inference(job, attempt, inputs, machine, outputs)
    run_cell_job(job, attempt, inputs, outputs.measurement, timeout_s, task)


@dataclass(frozen=True)
class _Inference:
    job: CellJob
    attempt: JobAttempt
    inputs: CellInputs
    machine: Path
    outputs: CellOutputs

    def work(self) -> None:
        # In the child alone, after its environment is set: this imports torch.
        from vlmeter.cell.worker.measure import measure_cell  # noqa: PLC0415

        measured = measure_cell(self.job, self.inputs, self.machine, self.outputs.predictions)
        self._write(measured.figures, measured.timings)

    def write_failure(self, failure: Failure) -> None:
        # Not at the top: Arrow starts threads, and the cell's child is forked from this process.
        from vlmeter.data.samples import PREDICTIONS  # noqa: PLC0415
        from vlmeter.storage.parquet import write_table  # noqa: PLC0415

        if self.outputs.predictions is not None:
            write_table(self.outputs.predictions, [], PREDICTIONS)
        self._write(None, [], failure)

    def _write(
        self, figures: Figures | None, timings: Sequence[Timing], failure: Failure | None = None
    ) -> None:
        _write_timings(self.outputs.timings, timings)
        files = {name: file_sha256(path) for name, path in self.outputs.tables.items()}
        result = Measurement(build_ending(self.attempt, failure), figures, files)
        write_placed_json(self.outputs.measurement, result.as_plain(), self.attempt.key)


def _write_timings(path: Path, timings: Sequence[Timing]) -> None:
    from vlmeter.data.samples import TIMINGS  # noqa: PLC0415
    from vlmeter.storage.parquet import write_table  # noqa: PLC0415

    write_table(path, [dict(row._asdict()) for row in timings], TIMINGS)
