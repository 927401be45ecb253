"""Joins what a cell cost with how well it answered: the step from measurement to record."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from vlmeter.errors import UserError
from vlmeter.files import check_whole, checksums, file_sha256, read_json, write_json
from vlmeter.metrics.base import Example
from vlmeter.metrics.evaluate import BadSample, Evaluation, evaluate
from vlmeter.metrics.tables import read_rows, write_scores
from vlmeter.metrics.uncertainty import RESAMPLES
from vlmeter.record import Status
from vlmeter.units import format_flops

_SAMPLE_COLUMNS = ("id", "references", "choices", "answer_index")
_PREDICTION_COLUMNS = ("id", "prediction")
_COST_FIELDS = {
    "latency": ("latency_detail", "latency_s"),
    "energy": ("energy_detail", "energy_j"),
    "flops": ("flops_detail", "flops"),
}
"""Where the source's cost keys stand in a measurement. A null says that it was not measured."""


class _Pairs(NamedTuple):
    """The samples of a data set with their predictions."""

    samples: int
    """Samples in the data set, with or without a prediction."""
    examples: list[Example]
    strays: list[BadSample]
    """Samples without one prediction, and predictions without a sample."""


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
    pairs = _read_pairs(samples_path, predictions_path) if ok else _Pairs(0, [], [])
    examples = [] if not_measured else pairs.examples
    evaluation = evaluate(task, examples, seed=seed, resamples=resamples)
    quality = _quality(evaluation, pairs, not_measured) if ok else None
    scores_path = scores_path or record_path.with_name("scores.parquet")
    write_scores(scores_path, evaluation, [example.id for example in examples])
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
        raise UserError(f"{path} lacks {_list(missing)}: delete it and run the cell again.")
    status = measurement["status"]
    if status not in set(Status):
        raise UserError(f"{path}: status {status!r} is none of {_list(sorted(Status))}.")
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


def _read_pairs(samples_path: Path, predictions_path: Path) -> _Pairs:
    """Pair samples with predictions in the samples' order; report what has no counterpart."""
    samples = read_rows(samples_path, _SAMPLE_COLUMNS)
    predictions = read_rows(predictions_path, _PREDICTION_COLUMNS, ("option_scores",))
    repeated = [id_ for id_, count in Counter(row["id"] for row in samples).items() if count > 1]
    if repeated:
        raise UserError(f"{samples_path} holds more than one sample of id {_list(repeated)}.")
    counts = Counter(row["id"] for row in predictions)
    by_id = {row["id"]: row for row in predictions}
    examples: list[Example] = []
    strays: list[BadSample] = []
    for sample in samples:
        id_ = sample["id"]
        reason = _unpaired(counts[id_], by_id.get(id_))
        if reason:
            strays.append(BadSample(id_, reason, ()))
        else:
            examples.append(_example(sample, by_id[id_]))
    known = {sample["id"] for sample in samples}
    unknown = (id_ for id_ in counts if id_ not in known)
    strays.extend(BadSample(id_, "prediction for a sample not in the data", ()) for id_ in unknown)
    return _Pairs(len(samples), examples, strays)


def _unpaired(count: int, prediction: Mapping[str, Any] | None) -> str | None:
    """Say why a sample's prediction cannot be used, or None."""
    if prediction is None:
        return "no prediction"
    if count > 1:
        return f"{count} predictions for one sample"
    return "the prediction is null" if prediction["prediction"] is None else None


def _example(sample: Mapping[str, Any], prediction: Mapping[str, Any]) -> Example:
    choices = tuple(sample["choices"] or ())
    references = tuple(text or "" for text in sample["references"] or ())
    answer_index = sample["answer_index"]
    if not references and answer_index is not None and 0 <= answer_index < len(choices):
        references = (choices[answer_index],)
    option_scores = prediction.get("option_scores")
    return Example(
        id=sample["id"],
        prediction=prediction["prediction"],
        references=references,
        choices=choices,
        answer_index=answer_index,
        option_scores=None
        if option_scores is None
        else tuple(math.nan if score is None else score for score in option_scores),
    )


def _quality(evaluation: Evaluation, pairs: _Pairs, not_measured: str | None) -> dict[str, object]:
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


def _list(names: Sequence[str], shown: int = 5) -> str:
    """Join names for a sentence, the first few of them."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in names[:shown]) + more
