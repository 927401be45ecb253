"""Chooses samples to look at: what was asked, and how some cells answered, the worst first."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import UnidentifiedImageError

from vlmeter.data.preprocess_images import thumbnail_jpeg
from vlmeter.metrics.scores import FigureScores, read_scores
from vlmeter.results.tables import Differences, Row, read_differences, read_summary
from vlmeter.status import Status
from vlmeter.storage.files import (
    check_tables,
    check_whole,
    file_sha256,
    read_json,
    write_bytes,
    write_json,
)
from vlmeter.storage.parquet import read_table

Plain = Mapping[str, Any]

_LOG = logging.getLogger(__name__)
_CELLS = 4
"""Cells whose answers stand side by side, the reference among them."""
_SIDE_PX = 256
_LETTERS = {"prompt": 600, "answer": 400, "reference": 120}
_REFERENCES = 10


@dataclass(frozen=True)
class _Answers:
    """What one cell answered, by sample."""

    row: Row
    predictions: Mapping[str, Plain]
    scores: FigureScores

    def prediction(self, sample: str) -> str | None:
        found = self.predictions.get(sample)
        return None if found is None else found["prediction"]

    def score(self, sample: str) -> float | None:
        return self.scores.by_id.get(sample)


def collect_answers(
    plan: Plain,
    manifests: Sequence[Path],
    summary_csv: Path,
    differences_csv: Path,
    cells: Path,
    answers_json: Path,
) -> None:
    """Write `answers.json`, and the samples' pictures beside it.

    Args:
        plan: `samples` per data set, and the `references`: what cells are compared with.
        manifests: `samples.json` of the data sets; the samples lie beside them.
        summary_csv: The table of all cells.
        differences_csv: The table of their differences.
        cells: Holds `<dataset>/<cell>/predictions.parquet` and the scores beside each.
        answers_json: Written.

    Raises:
        UserError: a file is missing or damaged.
    """
    summary = read_summary(summary_csv)
    differences = read_differences(differences_csv)
    for old in answers_json.parent.glob("*.jpg"):
        old.unlink()
    told, files = [], {}
    for manifest in manifests if plan["samples"] else ():
        dataset = manifest.parent.name
        rows = [row for (name, _), row in summary.items() if name == dataset]
        chosen = chosen_cells(rows, differences, plan["references"].get(dataset, {}))
        answers = [_read_answers(row, cells / dataset / row["cell"]) for row in chosen]
        if answers:
            told.append(_dataset(dataset, manifest, answers, plan["samples"], answers_json.parent))
    for name in (sample["image"] for block in told for sample in block["samples"]):
        if name is not None:
            files[name] = file_sha256(answers_json.with_name(name))
    write_json(answers_json, {"datasets": told, "files": files})


def chosen_cells(
    rows: Sequence[Row], differences: Differences, references: Mapping[str, str]
) -> list[Row]:
    """Return the cells to show: a reference, and those that changed most of its answers.

    Args:
        rows: One data set's rows, in the study's order.
        differences: The rows of `differences.csv`.
        references: The cell that each model's cells are compared with.
    """
    judged = [row for row in rows if row["status"] == Status.OK and row["scored_samples"]]
    if not judged:
        return []
    first = next((row for row in judged if row["cell"] in references.values()), judged[0])
    changed = {
        row["cell"]: (found or {}).get("changed_predictions") or 0
        for row in judged
        for found in [differences.get((row["dataset"], row["cell"], first["cell"]))]
    }
    others = [row for row in judged if row is not first]
    others.sort(key=lambda row: -changed[row["cell"]])
    return [first, *others[: _CELLS - 1]]


def _read_answers(row: Row, folder: Path) -> _Answers:
    record = folder / "record.json"
    check_tables(read_json(record), record)
    predictions = read_table(folder / "predictions.parquet", ["id", "prediction"], ["prompt"])
    judge = row["task_metric"] if row["task_value"] is not None else "wer"
    return _Answers(
        row=row,
        predictions={one["id"]: one for one in predictions},
        scores=read_scores(folder / "scores.parquet", judge),
    )


def _dataset(
    dataset: str, manifest: Path, answers: Sequence[_Answers], count: int, folder: Path
) -> dict[str, Any]:
    first = answers[0]
    higher = first.row["task_value"] is not None and first.row["task_higher_is_better"] is not False
    label = first.row["task_metric_label"] if first.row["task_value"] is not None else "WER"
    ids = _chosen_samples(answers, higher, count)
    samples = manifest.with_suffix(".parquet")
    check_whole(samples, read_json(manifest)["sha256"], remake=manifest)
    return {
        "dataset": dataset,
        "metric": label,
        "higher_is_better": higher,
        "cells": [_cell(one, first, higher) for one in answers],
        "samples": list(_samples(dataset, samples, ids, answers, folder)),
    }


def _cell(one: _Answers, first: _Answers, higher: bool) -> dict[str, Any]:
    """Say how a cell's answers differ from those of the first."""
    shared = [sample for sample in first.predictions if sample in one.predictions]
    gains = [
        (score - base) * (1 if higher else -1)
        for sample in shared
        if (score := one.score(sample)) is not None and (base := first.score(sample)) is not None
    ]
    return {
        "cell": one.row["cell"],
        "shared": len(shared),
        "changed": sum(one.prediction(name) != first.prediction(name) for name in shared),
        "better": sum(gain > 0 for gain in gains),
        "worse": sum(gain < 0 for gain in gains),
    }


def _chosen_samples(answers: Sequence[_Answers], higher: bool, count: int) -> list[str]:
    """Return the ids to show, the worst of the first cell first.

    Up to a third are samples that another cell answers otherwise: what changed is to be seen even
    where the worst answers are all alike.
    """
    first = answers[0]
    known = [sample for sample in first.predictions if first.score(sample) is not None]
    ranked = sorted(known, key=lambda sample: (first.score(sample) or 0.0) * (1 if higher else -1))
    changed = [sample for sample in ranked if _is_changed(sample, answers)]
    changed.sort(key=lambda sample: -_swing(sample, answers))
    kept = set(changed[: (count + 2) // 3])
    for sample in ranked:
        if len(kept) >= count:
            break
        kept.add(sample)
    return [sample for sample in ranked if sample in kept]


def _is_changed(sample: str, answers: Sequence[_Answers]) -> bool:
    return len({one.prediction(sample) for one in answers}) > 1


def _swing(sample: str, answers: Sequence[_Answers]) -> float:
    scores = [score for one in answers if (score := one.score(sample)) is not None]
    return max(scores) - min(scores)


def _samples(
    dataset: str, path: Path, ids: Sequence[str], answers: Sequence[_Answers], folder: Path
) -> Iterator[dict[str, Any]]:
    columns = ["id", "image", "references", "choices", "answer_index"]
    rows = pq.read_table(path, columns=columns, filters=[("id", "in", list(ids))]).to_pylist()
    by_id = {row["id"]: row for row in rows}
    for place, sample in enumerate(sample for sample in ids if sample in by_id):
        row = by_id[sample]
        yield {
            "id": _cut(sample, "reference"),
            "image": _picture(row["image"], folder / f"{dataset}-{place}.jpg"),
            "prompt": _cut(answers[0].predictions[sample].get("prompt") or "", "prompt"),
            "references": [_cut(text, "reference") for text in _references(row)],
            "changed": _is_changed(sample, answers),
            "answers": [
                {"text": _cut(one.prediction(sample), "answer"), "score": one.score(sample)}
                for one in answers
            ],
        }


def _references(row: Plain) -> list[str]:
    texts = [text or "" for text in row["references"] or []]
    choices, right = row["choices"] or [], row["answer_index"]
    if not texts and right is not None and 0 <= right < len(choices):
        texts = [choices[right] or ""]
    return list(dict.fromkeys(texts))[:_REFERENCES]


def _cut(text: str | None, kind: str) -> str | None:
    most = _LETTERS[kind]
    return text if text is None or len(text) <= most else f"{text[: most - 1]}…"


def _picture(data: bytes | None, path: Path) -> str | None:
    """Write a sample's picture; return its name, or None where there is none to be had."""
    try:
        write_bytes(path, thumbnail_jpeg(data or b"", _SIDE_PX))
    except (OSError, ValueError, UnidentifiedImageError, SyntaxError) as error:
        _LOG.warning("%s: no picture (%s)", path.name, error)
        return None
    return path.name
