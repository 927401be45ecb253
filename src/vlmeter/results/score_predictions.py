"""Joins what a cell cost with how well it answered: the step from measurement to record."""

import math
from dataclasses import replace
from pathlib import Path

from vlmeter.cell.measurement import Figures, Measurement, read_measurement
from vlmeter.data.manifests import read_samples_manifest
from vlmeter.errors import UserError
from vlmeter.metrics.evaluate import Evaluation, evaluate
from vlmeter.metrics.figure import BadSample
from vlmeter.metrics.pairing import Pairs, read_pairs
from vlmeter.metrics.scores import write_scores
from vlmeter.results.job import ScoreJob
from vlmeter.results.record import Quality, Record, SourceFigures
from vlmeter.status import Status
from vlmeter.storage.files import check_whole, file_sha256, read_key, write_placed_json
from vlmeter.storage.places import say_remedy


def score_predictions(
    measurement_path: Path,
    predictions_path: Path,
    samples_path: Path,
    record_path: Path,
    job: ScoreJob,
) -> None:
    """Write a cell's record, and its per-sample scores beside it. No model is run.

    Args:
        measurement_path: `measurement.json`, the cost half.
        predictions_path: `predictions.parquet`.
        samples_path: `samples.parquet` of the data set.
        record_path: `record.json` to write; `scores.parquet` is written beside it.
        job: The cell, and how it is scored.

    Raises:
        UserError: a file is missing, cut short or lacks a field; the message names both.
    """
    measurement = read_measurement(measurement_path)
    pairs = None
    if measurement.ending.status == Status.OK:
        _check_tables(measurement, measurement_path, predictions_path, samples_path)
        pairs = read_pairs(samples_path, predictions_path)
    examples = None if pairs is None or job.not_measured else pairs.examples
    evaluation = evaluate(job.task, examples or (), seed=job.seed, resamples=job.resamples)
    scores_path = record_path.with_name("scores.parquet")
    write_scores(scores_path, evaluation, examples.ids if examples else ())
    record = Record(
        headline=_choose_headline(measurement.figures, evaluation),
        ending=measurement.ending,
        cell=job.cell,
        quality=None
        if pairs is None
        else _summarise(evaluation, pairs, measurement.figures, job.not_measured),
        figures=measurement.figures,
        files={**measurement.files, "scores": file_sha256(scores_path)},
    )
    write_placed_json(record_path, record.as_plain(), read_key(measurement_path))


def _check_tables(
    measurement: Measurement, measurement_path: Path, predictions_path: Path, samples_path: Path
) -> None:
    """Check that what is scored is what was written, and that the samples are those answered."""
    if "predictions" in measurement.files:
        check_whole(predictions_path, measurement.files["predictions"])
    manifest = samples_path.with_suffix(".json")
    if manifest.exists():
        samples = read_samples_manifest(manifest)
        check_whole(samples_path, samples.stored_sha256, remake=manifest)
        figures = measurement.figures
        if figures is not None and figures.provenance.samples_sha256 != samples.sha256:
            raise UserError(
                f"{measurement_path} is of other samples than {samples_path}: "
                + say_remedy(
                    measurement_path, "delete the one that was copied from elsewhere and run again"
                )
                + "."
            )


def _summarise(
    evaluation: Evaluation, pairs: Pairs, figures: Figures | None, not_measured: str | None
) -> Quality:
    """Say what was scored: the one place that decides which samples count.

    Of the data set are the samples that have a row and those that were left out before; each was
    scored by every metric, or is unscored with a reason.
    """
    metrics = evaluation.figures
    left_out = figures.input.bad_samples if figures is not None else []
    bad = [BadSample(sample.id, sample.reason) for sample in left_out]
    ids = {sample.id for sample in bad}
    outside = len(ids) - pairs.count_samples(ids)
    if not_measured:
        note = f"not measured: {not_measured}"
        metrics = tuple(replace(figure, note=note) for figure in metrics)
    else:
        # A sample that was left out has no prediction: its own reason is enough.
        unscored = (*pairs.strays, *evaluation.bad_samples)
        bad += [sample for sample in unscored if sample.id not in ids]
    return Quality(
        metrics=metrics,
        samples=pairs.samples + outside,
        scored=evaluation.scored,
        unscored=outside + pairs.count_samples({sample.id for sample in bad}),
        bad_samples=tuple(bad),
        definition=evaluation.definition,
    )


def _choose_headline(figures: Figures | None, evaluation: Evaluation) -> SourceFigures:
    """Return the figures under the source's keys; a null says that a figure was not measured."""
    if figures is None:
        return SourceFigures(None, None, None, None)
    return SourceFigures(
        wer_value=evaluation.value_of("wer"),
        latency=figures.latency_detail.latency_s,
        energy=figures.energy_detail.energy_j,
        flops=format_flops(figures.flops_detail.flops),
    )


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
