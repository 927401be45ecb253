"""A cell's quality pass in shards: the job of `answer_shard`, which answers one of them.

A shard begins where a batch does, so that all batches are those of the undivided pass, and with
them every answer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlmeter.cell.frame import build_ending, run_cell_job
from vlmeter.cell.shard import Shard, ShardManifest
from vlmeter.data.manifests import read_images_manifest
from vlmeter.status import Failure
from vlmeter.storage.files import file_sha256, write_json


def borders(samples: int, batch_size: int, number: int, shards: int) -> tuple[int, int]:
    """Return where a shard begins and where it ends.

    Batches are dealt evenly; with more shards than batches some shards are empty.

    Args:
        samples: Of the whole cell.
        batch_size: The cell's.
        number: Of the shard, from 1.
        shards: How many there are.
    """
    batches = -(-samples // batch_size)
    first, last = (batches * place // shards for place in (number - 1, number))
    return min(first * batch_size, samples), min(last * batch_size, samples)


def answer_shard(
    job: Mapping[str, Any],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    timeout_s: float,
) -> None:
    """Answer the samples of one shard.

    Args:
        job: What `Jobs.shard` tells.
        inputs: Paths of the manifests `images` and, where the device is there, `model`.
        outputs: Paths of `answers`, a table as `predictions.parquet` is, and of its `manifest`.
        timeout_s: How long it may take.
    """
    answers, manifest = Path(outputs["answers"]), Path(outputs["manifest"])
    images = read_images_manifest(Path(inputs["images"]))
    batch_size = job["cell"]["axes"]["batch_size"]
    start, stop = borders(images.n, batch_size, **job["shard"])

    def write(rows: int, failure: Failure | None = None) -> None:
        result = ShardManifest(
            ending=build_ending(job, failure),
            shard=Shard(**job["shard"]),
            start=start,
            stop=stop,
            rows=rows,
            images_sha256=images.sha256,
            files={answers.stem: file_sha256(answers)},
        )
        write_json(manifest, result.as_plain())

    def work() -> None:
        # In the child alone, after its environment is set: this imports torch.
        from vlmeter.cell.worker.answers import answer_samples  # noqa: PLC0415

        if start == stop:
            rows = _write_none(answers)
        else:
            rows = answer_samples(job, inputs, answers, start, stop)
        write(rows)

    def write_failure(failure: Failure) -> None:
        write(_write_none(answers), failure)

    run_cell_job(job, inputs, manifest, timeout_s, work, write_failure)


def _write_none(answers: Path) -> int:
    # Not at the top: Arrow starts threads, and the cell's child is forked from this process.
    from vlmeter.data.samples import PREDICTIONS  # noqa: PLC0415
    from vlmeter.storage.parquet import write_table  # noqa: PLC0415

    write_table(answers, [], PREDICTIONS)
    return 0
