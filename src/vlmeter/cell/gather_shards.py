"""The job of `gather_shards`: a cell's costs and its shards' answers become one measurement."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Figures, Measurement, read_measurement
from vlmeter.cell.shard import ShardManifest
from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.errors import Sentence, UserError
from vlmeter.status import Status
from vlmeter.storage.files import check_whole, file_sha256, read_json, read_key, write_placed_json
from vlmeter.storage.parquet import stream_table, write_table
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class GatheredOutputs:
    """The files that the job writes, those of a cell that was not divided."""

    measurement: Path
    predictions: Path
    timings: Path


def gather_shards(costs: Path, shards: Sequence[Path], outputs: GatheredOutputs) -> None:
    """Write what a cell leaves that was not divided: the same files with the same answers.

    Where the costs or a shard did not end well, the cell ends as they did.

    Args:
        costs: What `measure_costs` left; `timings.parquet` lies beside it.
        shards: The manifests of all shards, in their order.
        outputs: The files to write.

    Raises:
        UserError: a file is missing or damaged, or the shards are not those of one cell.
    """
    cost, manifests = read_measurement(costs), [_read_manifest(path) for path in shards]
    ending = _find_failure(cost.ending, manifests) or cost.ending
    figures = cost.figures if ending.status == Status.OK else None
    timings = costs.with_name("timings.parquet")
    if figures is not None:
        check_whole(timings, cost.files["timings"], remake=costs)
        _check_shards(figures, shards, manifests)
    write_table(outputs.predictions, [] if figures is None else _read_answers(shards), PREDICTIONS)
    write_table(outputs.timings, [] if figures is None else stream_table(timings), TIMINGS)
    files = {
        "predictions": file_sha256(outputs.predictions),
        "timings": file_sha256(outputs.timings),
    }
    gathered = Measurement(ending, figures, files).as_plain()
    write_placed_json(outputs.measurement, gathered, read_key(costs))


def _read_manifest(path: Path) -> ShardManifest:
    plain = read_json(path)
    return from_plain(ShardManifest, {"ending": plain, **plain}, path)


def _find_failure(cost: Ending, manifests: Sequence[ShardManifest]) -> Ending | None:
    """Return how a cell ended that did not end well."""
    if cost.status != Status.OK:
        return cost
    for manifest in manifests:
        ending, shard = manifest.ending, manifest.shard
        if ending.status != Status.OK:
            reason = Sentence(f"shard {shard.number} of {shard.shards}: {ending.reason}")
            return replace(ending, reason=reason)
    return None


def _check_shards(
    figures: Figures, paths: Sequence[Path], manifests: Sequence[ShardManifest]
) -> None:
    """Check that every sample is answered by one shard, over the images whose cost was measured."""
    reached = 0
    for path, manifest in zip(paths, manifests, strict=True):
        if manifest.images_sha256 != figures.provenance.images_sha256:
            raise UserError(f"{path} is of other images than the costs: delete it and run again.")
        asked = manifest.stop - manifest.start - manifest.left_out
        if manifest.start != reached or manifest.rows not in (0, asked):
            raise UserError(
                f"{path} does not go on where the shard before ended: delete it and run again."
            )
        check_whole(_answers(path), manifest.files[path.stem], remake=path)
        reached = manifest.stop
    samples = figures.input.samples + sum(manifest.left_out for manifest in manifests)
    if reached != samples:
        raise UserError(
            f"{paths[-1]} ends at sample {reached} of {samples}: delete it and run again."
        )


def _read_answers(manifests: Sequence[Path]) -> Iterator[Mapping[str, object]]:
    for path in manifests:
        yield from stream_table(_answers(path))


def _answers(manifest: Path) -> Path:
    return manifest.with_suffix(".parquet")
