"""The job of `gather_shards`: a cell's costs and its answers become one measurement.

The answers are those of its shards, or of a cell that differs in nothing that changes an answer.
"""

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
from vlmeter.storage.layout import CellFolder
from vlmeter.storage.parquet import stream_table, write_table
from vlmeter.storage.places import say_remedy
from vlmeter.storage.typed import from_plain


@dataclass(frozen=True)
class GatheredOutputs:
    """The files that the job writes, those of a cell that was not divided."""

    measurement: Path
    predictions: Path
    timings: Path


def gather_shards(costs: Path, answers: Sequence[Path], outputs: GatheredOutputs) -> None:
    """Write what a cell leaves that was not divided: the same files with the same answers.

    Where the costs or a part of the answers did not end well, the cell ends as they did.

    Args:
        costs: What `measure_costs` left; `timings.parquet` lies beside it.
        answers: The manifests of all shards, in their order, or the measurement of another cell.
        outputs: The files to write.

    Raises:
        UserError: a file is missing or damaged, or the answers are not those of one cell.
    """
    cost, parts = read_measurement(costs), [_read_part(path) for path in answers]
    ending = _find_failure(cost.ending, parts) or cost.ending
    figures = cost.figures if ending.status == Status.OK else None
    timings = costs.with_name("timings.parquet")
    if figures is not None:
        check_whole(timings, cost.files["timings"], remake=costs)
        _check_parts(figures, parts)
    write_table(outputs.predictions, [] if figures is None else _read_answers(parts), PREDICTIONS)
    write_table(outputs.timings, [] if figures is None else stream_table(timings), TIMINGS)
    files = {
        "predictions": file_sha256(outputs.predictions),
        "timings": file_sha256(outputs.timings),
    }
    gathered = Measurement(ending, figures, files).as_plain()
    write_placed_json(outputs.measurement, gathered, read_key(costs))


@dataclass(frozen=True)
class _Part:
    """A part of a cell's answers."""

    path: Path
    """What says of them how they ended."""
    name: str
    ending: Ending
    start: int
    """The first sample's place."""
    stop: int
    """The place after the last sample's."""
    rows: int
    left_out: int
    images_sha256: str | None
    """None where the answers did not end well."""
    table: Path
    sha256: str


def _read_part(path: Path) -> _Part:
    """Read a shard's manifest, or the measurement of a cell that has the same answers."""
    if path == CellFolder(path.parent).measurement:
        return _read_cell(path)
    plain = read_json(path)
    manifest = from_plain(ShardManifest, {"ending": plain, **plain}, path)
    return _Part(
        path,
        f"shard {manifest.shard.number} of {manifest.shard.shards}",
        manifest.ending,
        manifest.start,
        manifest.stop,
        manifest.rows,
        manifest.left_out,
        manifest.images_sha256,
        path.with_suffix(".parquet"),
        manifest.files[path.stem],
    )


def _read_cell(path: Path) -> _Part:
    measurement = read_measurement(path)
    figures = measurement.figures
    samples = 0 if figures is None else figures.input.samples
    return _Part(
        path,
        f"cell {path.parent.name}, which has the same answers",
        measurement.ending,
        start=0,
        stop=samples,
        rows=samples,
        left_out=0,
        images_sha256=None if figures is None else figures.provenance.images_sha256,
        table=CellFolder(path.parent).predictions,
        sha256=measurement.files["predictions"],
    )


def _find_failure(cost: Ending, parts: Sequence[_Part]) -> Ending | None:
    """Return how a cell ended that did not end well."""
    if cost.status != Status.OK:
        return cost
    for part in parts:
        if part.ending.status != Status.OK:
            reason = Sentence(f"{part.name}: {part.ending.reason}")
            return replace(part.ending, reason=reason)
    return None


def _check_parts(figures: Figures, parts: Sequence[_Part]) -> None:
    """Check that every sample is answered once, over the images whose cost was measured."""
    reached = 0
    for part in parts:
        if part.images_sha256 != figures.provenance.images_sha256:
            raise UserError(
                f"{part.path} is of other images than the costs: {say_remedy(part.path)}."
            )
        asked = part.stop - part.start - part.left_out
        if part.start != reached or part.rows not in (0, asked):
            raise UserError(
                f"{part.path} does not go on where the shard before ended: {say_remedy(part.path)}."
            )
        check_whole(part.table, part.sha256, remake=part.path)
        reached = part.stop
    samples = figures.input.samples + sum(part.left_out for part in parts)
    if reached != samples:
        last = parts[-1].path
        raise UserError(f"{last} ends at sample {reached} of {samples}: {say_remedy(last)}.")


def _read_answers(parts: Sequence[_Part]) -> Iterator[Mapping[str, object]]:
    for part in parts:
        yield from stream_table(part.table)
