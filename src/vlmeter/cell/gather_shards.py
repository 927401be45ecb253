"""The job of `gather_shards`: a cell's costs and its shards' answers become one measurement."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlmeter.data.samples import PREDICTIONS, TIMINGS
from vlmeter.errors import Sentence, UserError
from vlmeter.status import Status
from vlmeter.storage.files import check_whole, checksums, file_sha256, read_json, write_json
from vlmeter.storage.parquet import stream_table, write_table

_HEADING = ("status", "reason", "traceback", "attempt")


def gather_shards(costs: Path, shards: Sequence[Path], outputs: Mapping[str, str]) -> None:
    """Write what a cell leaves that was not divided: the same files with the same answers.

    Where the costs or a shard did not end well, the cell ends as they did.

    Args:
        costs: What `measure_costs` left; `timings.parquet` lies beside it.
        shards: The manifests of all shards, in their order.
        outputs: Paths of `measurement`, `predictions` and `timings`.

    Raises:
        UserError: a file is missing or damaged, or the shards are not those of one cell.
    """
    cost, told = read_json(costs), [read_json(path) for path in shards]
    ending = _ending(cost, told)
    timings = costs.with_name("timings.parquet")
    if ending is None:
        check_whole(timings, checksums(cost)["timings"], remake=costs)
        _check_shards(cost, shards, told)
    written = {"predictions": PREDICTIONS, "timings": TIMINGS}
    rows = {"predictions": _rows(shards), "timings": stream_table(timings)}
    for name, schema in written.items():
        write_table(Path(outputs[name]), rows[name] if ending is None else [], schema)
    files = {name: file_sha256(Path(outputs[name])) for name in written}
    write_json(Path(outputs["measurement"]), {**(ending or cost), "files": files})


def _ending(cost: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return how a cell ended that did not end well."""
    if cost["status"] != Status.OK:
        return {key: cost[key] for key in _HEADING}
    for shard in told:
        if shard["status"] != Status.OK:
            place = shard["shard"]
            reason = Sentence(f"shard {place['number']} of {place['shards']}: {shard['reason']}")
            return {**{key: shard[key] for key in _HEADING}, "reason": reason}
    return None


def _check_shards(
    cost: Mapping[str, Any], shards: Sequence[Path], told: Sequence[Mapping[str, Any]]
) -> None:
    """See that every sample is answered by one shard, over the images whose cost was measured."""
    reached = 0
    for path, shard in zip(shards, told, strict=True):
        if shard["images_sha256"] != cost["provenance"]["images_sha256"]:
            raise UserError(f"{path} is of other images than the costs: delete it and run again.")
        if shard["start"] != reached or shard["rows"] not in (0, shard["stop"] - shard["start"]):
            raise UserError(
                f"{path} does not go on where the shard before ended: delete it and run again."
            )
        check_whole(_answers(path), checksums(shard)[path.stem], remake=path)
        reached = shard["stop"]
    if reached != cost["input"]["samples"]:
        raise UserError(
            f"{shards[-1]} ends at sample {reached} of {cost['input']['samples']}: "
            "delete it and run again."
        )


def _rows(shards: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in shards:
        yield from stream_table(_answers(path))


def _answers(manifest: Path) -> Path:
    return manifest.with_suffix(".parquet")
