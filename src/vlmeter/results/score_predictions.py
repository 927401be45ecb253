"""Joins what a cell cost with how well it answered: the step from measurement to record."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from vlmeter.errors import UserError, listed
from vlmeter.metrics.evaluate import Evaluation, evaluate
from vlmeter.metrics.pairing import Pairs, read_pairs
from vlmeter.metrics.scores import write_scores
from vlmeter.metrics.uncertainty import RESAMPLES
from vlmeter.status import Status
from vlmeter.storage.files import check_whole, checksums, file_sha256, read_json, write_json

_COST_FIELDS = {
    "latency": ("latency_detail", "latency_s"),
    "energy": ("energy_detail", "energy_j"),
    "flops": ("flops_detail", "flops"),
}
"""Where the source's cost keys stand in a measurement. A null says that it was not measured."""


def score_predictions(
    measurement_path: Path,
    predictions_path: Path,
    samples_path: Path,
    record_path: Path,
    *,
    task: str,
    cell: Mapping[str, object],
    seed: int,
    resamples: int = RESAMPLES,
    scores_path: Path | None = None,
    not_measured: str | None = None,
) -> None:
    """Write a cell's record, and its per-sample scores beside it. No model is run.

    Args:
        measurement_path: `measurement.json`, the cost half.
        predictions_path: `predictions.parquet`.
        samples_path: `samples.parquet` of the data set.
        record_path: `record.json` to write.
        task: caption, vqa, multiple_choice or ocr.
        cell: the cell's id, data set and axes, as they are to stand in the record.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        scores_path: the side table to write, `scores.parquet` beside the record by default.
        not_measured: why quality means nothing here, e.g. "random weights"; None where it does.

    Raises:
        UserError: a file is missing, cut short or lacks a field; the message names both.
    """
    measurement = _read_measurement(measurement_path)
    ok = measurement["status"] == Status.OK
    if ok:
        _check_tables(measurement, predictions_path, samples_path)
    pairs = read_pairs(samples_path, predictions_path) if ok else None
    examples = None if pairs is None or not_measured else pairs.examples
    evaluation = evaluate(task, examples or (), seed=seed, resamples=resamples)
    quality = None if pairs is None else _quality(evaluation, pairs, not_measured)
    scores_path = scores_path or record_path.with_name("scores.parquet")
    write_scores(scores_path, evaluation, examples.ids if examples else ())
    record = _record(measurement, cell, quality, evaluation.value_of("wer"))
    record["files"] = {**checksums(measurement), "scores": file_sha256(scores_path)}
    write_json(record_path, record)


def _check_tables(
    measurement: Mapping[str, object], predictions_path: Path, samples_path: Path
) -> None:
    """See that what is scored is what was written."""
    told = checksums(measurement)
    if "predictions" in told:
        check_whole(predictions_path, told["predictions"])
    manifest = samples_path.with_suffix(".json")
    if manifest.exists():
        check_whole(samples_path, read_json(manifest)["sha256"], remake=manifest)


def _read_measurement(path: Path) -> dict[str, object]:
    """Read a measurement and see that it has what a record needs."""
    measurement = read_json(path)
    missing = [key for key in ("status", "reason", "attempt") if key not in measurement]
    if missing:
        raise UserError(f"{path} lacks {listed(missing)}: delete it and run the cell again.")
    status = measurement["status"]
    if status not in set(Status):
        raise UserError(f"{path}: status {status!r} is none of {listed(sorted(Status))}.")
    if status != Status.OK:
        return measurement
    for block_name, field in _COST_FIELDS.values():
        block = measurement.get(block_name)
        if not isinstance(block, dict) or field not in block:
            raise UserError(
                f"{path} lacks {block_name}.{field}, though its status is ok: "
                "delete it and run the cell again."
            )
        if not isinstance(block[field], int | float | None):
            raise UserError(f"{path}: {block_name}.{field} is {block[field]!r}, not a number.")
    return measurement


def _quality(evaluation: Evaluation, pairs: Pairs, not_measured: str | None) -> dict[str, object]:
    metrics = [asdict(figure) for figure in evaluation.figures]
    if not_measured:
        for metric in metrics:
            metric["note"] = f"not measured: {not_measured}"
    return {
        "metrics": metrics,
        "samples": pairs.samples,
        "scored": evaluation.scored,
        "bad_samples": [asdict(bad) for bad in (*pairs.strays, *evaluation.bad_samples)],
        "definition": evaluation.definition,
    }


def _record(
    measurement: Mapping[str, object],
    cell: Mapping[str, object],
    quality: Mapping[str, object] | None,
    wer: float | None,
) -> dict[str, object]:
    """Return the record: the source's four keys, the cell, quality, then the cost as measured."""
    costs = {key: _cost(measurement, *where) for key, where in _COST_FIELDS.items()}
    record: dict[str, object] = {
        "wer_value": wer,
        "latency": costs["latency"],
        "energy": costs["energy"],
        "flops": format_flops(costs["flops"]),
        "status": measurement["status"],
        "reason": measurement["reason"],
        "traceback": measurement.get("traceback"),
        "attempt": measurement["attempt"],
        "cell": dict(cell),
        "quality": quality,
    }
    not_finite: list[str] = []
    for key, value in measurement.items():
        record.setdefault(key, _finite(value, key, not_finite))
    if not_finite:
        record["notes"] = [f"{path} was not a finite number" for path in not_finite]
    return record


def _cost(measurement: Mapping[str, object], block_name: str, field: str) -> float | None:
    """Return a finite cost of a cell that ended well, else None."""
    block = measurement.get(block_name)
    if measurement["status"] != Status.OK or not isinstance(block, dict):
        return None
    value = block[field]
    return value if value is not None and math.isfinite(value) else None


def _finite(value: object, path: str, not_finite: list[str]) -> object:
    """Copy a JSON-plain value with None for NaN and infinity, whose paths are collected."""
    if isinstance(value, dict):
        return {key: _finite(item, f"{path}.{key}", not_finite) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, f"{path}[{index}]", not_finite) for index, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        not_finite.append(path)
        return None
    return value


_PREFIXES = ("", "K", "M", "G", "T", "P", "E")


def format_flops(flops: float | None) -> str | None:
    """Write a number of floating-point operations as the source does, e.g. `751.3 GFLOPS`.

    The rule that gives every figure the source printed (751.3, 3.15, 9.08, 9.46, 12.8): divide by
    the largest power of 1000 that leaves at least 1, round to two decimals, and drop zeros at the
    end but one, so that 3.0 TFLOPS keeps its point. `FLOPS` means operations, not operations per
    second.

    Returns:
        The text, or None where there is no finite count to write.

    Raises:
        ValueError: the count is negative.
    """
    if flops is None or not math.isfinite(flops):
        return None
    if flops < 0:
        raise ValueError(f"a count of operations cannot be negative: {flops}")
    scaled = float(flops)
    for prefix in _PREFIXES[:-1]:
        if round(scaled, 2) < 1000:
            return f"{round(scaled, 2)} {prefix}FLOPS"
        scaled /= 1000
    return f"{round(scaled, 2)} {_PREFIXES[-1]}FLOPS"
