"""The job of `profile_layers`: a cell's forward pass, layer by layer, or the reason why not."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vlmeter.cell.frame import build_ending, run_cell_job
from vlmeter.cell.job import CellInputs, JobAttempt, LayersJob
from vlmeter.cell.layers_record import LayersFigures, LayersRecord
from vlmeter.measure.layers.result import LayerRow
from vlmeter.status import Failure
from vlmeter.storage.files import file_sha256, write_placed_json, write_text


@dataclass(frozen=True)
class LayersOutputs:
    """The files that the job writes."""

    table: Path
    """CSV, a row per layer."""
    record: Path
    """JSON."""


def profile_layers(
    job: LayersJob,
    attempt: JobAttempt,
    inputs: CellInputs,
    outputs: LayersOutputs,
    timeout_s: float,
) -> None:
    """Profile one cell's forward pass.

    Args:
        job: The cell, and how it is profiled.
        attempt: Which try it is.
        inputs: The files that the cell is opened from.
        outputs: The files to write.
        timeout_s: How long it may take.
    """
    task = _Profile(job, attempt, inputs, outputs)
    run_cell_job(job, attempt, inputs, outputs.record, timeout_s, task)


@dataclass(frozen=True)
class _Profile:
    job: LayersJob
    attempt: JobAttempt
    inputs: CellInputs
    outputs: LayersOutputs

    def work(self) -> None:
        # In the child alone, after its environment is set: this imports torch.
        from vlmeter.cell.worker.layers import profile_cell  # noqa: PLC0415

        profiled = profile_cell(self.job, self.inputs)
        self._write(profiled.figures, profiled.rows)

    def write_failure(self, failure: Failure) -> None:
        self._write(None, [], failure)

    def _write(
        self,
        figures: LayersFigures | None,
        rows: Iterable[LayerRow],
        failure: Failure | None = None,
    ) -> None:
        _write_table(self.outputs.table, rows)
        result = LayersRecord(
            ending=build_ending(self.attempt, failure),
            id=self.job.cell.id,
            dataset=self.job.cell.dataset,
            axes=self.job.cell.axes,
            figures=figures,
            files={"table": file_sha256(self.outputs.table)},
        )
        write_placed_json(self.outputs.record, result.as_plain(), self.attempt.key)


def _write_table(path: Path, rows: Iterable[LayerRow]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LayerRow._fields)
    writer.writerows(rows)
    write_text(path, text.getvalue())
