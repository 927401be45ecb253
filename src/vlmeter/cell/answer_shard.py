"""A cell's quality pass in shards: the job of `answer_shard`, which answers one of them.

A shard begins where a batch does, so that all batches are those of the undivided pass, and with
them every answer.
"""

from dataclasses import dataclass
from pathlib import Path

from vlmeter.cell.frame import build_ending, run_cell_job
from vlmeter.cell.job import CellInputs, JobAttempt, Shard, ShardJob
from vlmeter.cell.shard import ShardManifest
from vlmeter.data.manifests import read_images_manifest
from vlmeter.status import Failure
from vlmeter.storage.files import file_sha256, write_placed_json


@dataclass(frozen=True)
class ShardOutputs:
    """The files that the job writes."""

    answers: Path
    """A table as `predictions.parquet` is."""
    manifest: Path


def find_borders(samples: int, batch_size: int, shard: Shard) -> tuple[int, int]:
    """Return where a shard begins and where it ends.

    Batches are dealt evenly; with more shards than batches some shards are empty.

    Args:
        samples: Of the whole cell.
        batch_size: The cell's.
        shard: Which shard.
    """
    batches = -(-samples // batch_size)
    first, last = (batches * place // shard.shards for place in (shard.number - 1, shard.number))
    return min(first * batch_size, samples), min(last * batch_size, samples)


def answer_shard(
    job: ShardJob,
    attempt: JobAttempt,
    inputs: CellInputs,
    outputs: ShardOutputs,
    timeout_s: float,
) -> None:
    """Answer the samples of one shard.

    Args:
        job: The cell, and which of its shards.
        attempt: Which try it is.
        inputs: The files that the cell is opened from.
        outputs: The files to write.
        timeout_s: How long it may take.
    """
    images = read_images_manifest(inputs.images)
    borders = find_borders(images.n, job.cell.axes.batch_size, job.shard)
    task = _Answers(job, attempt, inputs, outputs, images.sha256, *borders)
    run_cell_job(job, attempt, inputs, outputs.manifest, timeout_s, task)


@dataclass(frozen=True)
class _Answers:
    job: ShardJob
    attempt: JobAttempt
    inputs: CellInputs
    outputs: ShardOutputs
    images_sha256: str
    start: int
    stop: int

    def work(self) -> None:
        # In the child alone, after its environment is set: this imports torch.
        from vlmeter.cell.worker.answers import answer_samples  # noqa: PLC0415

        answers = self.outputs.answers
        if self.start == self.stop:
            self._write(_write_none(answers))
        else:
            self._write(*answer_samples(self.job.cell, self.inputs, answers, self.start, self.stop))

    def write_failure(self, failure: Failure) -> None:
        self._write(_write_none(self.outputs.answers), failure=failure)

    def _write(self, rows: int, left_out: int = 0, failure: Failure | None = None) -> None:
        answers = self.outputs.answers
        result = ShardManifest(
            ending=build_ending(self.attempt, failure),
            shard=self.job.shard,
            start=self.start,
            stop=self.stop,
            rows=rows,
            left_out=left_out,
            images_sha256=self.images_sha256,
            files={answers.stem: file_sha256(answers)},
        )
        write_placed_json(self.outputs.manifest, result.as_plain(), self.attempt.key)


def _write_none(answers: Path) -> int:
    # Not at the top: Arrow starts threads, and the cell's child is forked from this process.
    from vlmeter.data.samples import PREDICTIONS  # noqa: PLC0415
    from vlmeter.storage.parquet import write_table  # noqa: PLC0415

    write_table(answers, [], PREDICTIONS)
    return 0
