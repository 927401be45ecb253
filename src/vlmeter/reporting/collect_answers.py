"""Chooses samples to look at: what was asked, and how some cells answered, the worst first."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from PIL import UnidentifiedImageError

from vlmeter.data.manifests import read_samples_manifest
from vlmeter.data.preprocess_images import encode_thumbnail_jpeg
from vlmeter.metrics.scores import FigureScores, read_scores
from vlmeter.reporting.collected import (
    CollectedAnswer,
    CollectedAnswers,
    CollectedCell,
    CollectedDataset,
    CollectedSample,
)
from vlmeter.results.outline import GalleryPlan
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences, read_differences, read_summary
from vlmeter.status import Status
from vlmeter.storage.files import (
    check_tables,
    check_whole,
    file_sha256,
    read_json,
    write_bytes,
    write_json,
)
from vlmeter.storage.layout import CellFolder, DifferenceKey
from vlmeter.storage.parquet import read_table
from vlmeter.storage.texts import compose

_LOG = logging.getLogger(__name__)
_CELLS = 4
"""Cells whose answers stand side by side, the reference among them."""
_SIDE_PX = 256
_LETTERS = {"prompt": 600, "answer": 400, "reference": 120}
_REFERENCES = 10


@dataclass(frozen=True)
class _Prediction:
    """What a cell answered to a sample, and what it was asked."""

    answer: str | None
    prompt: str | None


@dataclass(frozen=True)
class _Answers:
    """What a cell answered, by sample."""

    row: SummaryRow
    predictions: Mapping[str, _Prediction]
    scores: FigureScores

    def get_answer(self, sample: str) -> str | None:
        prediction = self.predictions.get(sample)
        return None if prediction is None else prediction.answer

    def get_score(self, sample: str) -> float | None:
        return self.scores.by_id.get(sample)


def collect_answers(
    plan: GalleryPlan,
    manifests: Sequence[Path],
    summary_csv: Path,
    differences_csv: Path,
    cells: Path,
    answers_json: Path,
) -> None:
    """Write `answers.json`, and the samples' pictures beside it.

    Args:
        plan: How many samples are shown, and what cells are compared with.
        manifests: `samples.json` of the data sets; the samples lie beside them.
        summary_csv: The table of all cells.
        differences_csv: The table of their differences.
        cells: Holds `<dataset>/<cell>/predictions.parquet` and the scores beside each.
        answers_json: Output.

    Raises:
        UserError: a file is missing or damaged.
    """
    summary = read_summary(summary_csv)
    differences = read_differences(differences_csv)
    for old in answers_json.parent.glob("*.jpg"):
        old.unlink()
    collected = []
    for manifest in manifests if plan.samples else ():
        dataset = manifest.parent.name
        rows = [row for row in summary.values() if row.dataset == dataset]
        chosen = choose_cells(rows, differences, plan.references.get(dataset, {}))
        answers = [_read_answers(row, CellFolder(cells / dataset / row.cell)) for row in chosen]
        if answers:
            collected.append(
                _collect_dataset(dataset, manifest, answers, plan.samples, answers_json.parent)
            )
    pictures = [sample.image for block in collected for sample in block.samples if sample.image]
    files = {name: file_sha256(answers_json.with_name(name)) for name in pictures}
    write_json(answers_json, asdict(CollectedAnswers(tuple(collected), files)))


def choose_cells(
    rows: Sequence[SummaryRow], differences: Differences, references: Mapping[str, str]
) -> list[SummaryRow]:
    """Return the cells to show: a reference, and those that changed most of its answers.

    Args:
        rows: One data set's rows, in the study's order.
        differences: The rows of `differences.csv`.
        references: The cell that each model's cells are compared with.
    """
    scored = [row for row in rows if row.status == Status.OK and row.scored_samples]
    if not scored:
        return []
    first = next((row for row in scored if row.cell in references.values()), scored[0])
    changed = {}
    for row in scored:
        difference = differences.get(DifferenceKey(row.dataset, row.cell, first.cell))
        changed[row.cell] = 0 if difference is None else difference.changed_predictions or 0
    others = [row for row in scored if row is not first]
    others.sort(key=lambda row: -changed[row.cell])
    return [first, *others[: _CELLS - 1]]


def _read_answers(row: SummaryRow, folder: CellFolder) -> _Answers:
    check_tables(read_json(folder.record), folder.record)
    predictions = read_table(folder.predictions, ["id", "prediction"], ["prompt"])
    return _Answers(
        row=row,
        predictions={
            compose(entry["id"]): _Prediction(_compose(entry["prediction"]), entry.get("prompt"))
            for entry in predictions
        },
        scores=read_scores(folder.scores, _choose_metric(row)),
    )


def _compose(answer: str | None) -> str | None:
    return None if answer is None else compose(answer)


def _choose_metric(row: SummaryRow) -> str:
    """Return the metric that orders the samples: the task's own where it has a value."""
    return "wer" if row.task_value is None or row.task_metric is None else row.task_metric


def _collect_dataset(
    dataset: str, manifest: Path, answers: Sequence[_Answers], count: int, folder: Path
) -> CollectedDataset:
    first = answers[0]
    has_task_metric = first.row.task_value is not None
    higher = has_task_metric and first.row.task_higher_is_better is not False
    label = first.row.task_metric_label if has_task_metric else None
    ids = _choose_samples(answers, higher, count)
    samples = manifest.with_suffix(".parquet")
    check_whole(samples, read_samples_manifest(manifest).stored_sha256, remake=manifest)
    return CollectedDataset(
        dataset=dataset,
        metric=label or "WER",
        higher_is_better=higher,
        cells=tuple(_compare_answers(cell, first, higher) for cell in answers),
        samples=tuple(_collect_samples(dataset, samples, ids, answers, folder)),
    )


def _compare_answers(cell: _Answers, first: _Answers, higher: bool) -> CollectedCell:
    """Say how a cell's answers differ from those of the first."""
    shared = [sample for sample in first.predictions if sample in cell.predictions]
    gains = [
        (score - base) * (1 if higher else -1)
        for sample in shared
        if (score := cell.get_score(sample)) is not None
        and (base := first.get_score(sample)) is not None
    ]
    return CollectedCell(
        cell=cell.row.cell,
        shared=len(shared),
        changed=sum(cell.get_answer(sample) != first.get_answer(sample) for sample in shared),
        better=sum(gain > 0 for gain in gains),
        worse=sum(gain < 0 for gain in gains),
    )


def _choose_samples(answers: Sequence[_Answers], higher: bool, count: int) -> list[str]:
    """Return the ids to show, the worst of the first cell first.

    Up to a third are samples that another cell answers otherwise: what changed is to be seen even
    where the worst answers are all alike.
    """
    scores = {sample: answers[0].get_score(sample) for sample in answers[0].predictions}
    by_score = {sample: score for sample, score in scores.items() if score is not None}
    ranked = sorted(by_score, key=lambda sample: by_score[sample] * (1 if higher else -1))
    changed = [sample for sample in ranked if _is_changed(sample, answers)]
    changed.sort(key=lambda sample: -_measure_swing(sample, answers))
    kept = set(changed[: (count + 2) // 3])
    for sample in ranked:
        if len(kept) >= count:
            break
        kept.add(sample)
    return [sample for sample in ranked if sample in kept]


def _is_changed(sample: str, answers: Sequence[_Answers]) -> bool:
    return len({cell.get_answer(sample) for cell in answers}) > 1


def _measure_swing(sample: str, answers: Sequence[_Answers]) -> float:
    """Return how far apart the cells' scores of a sample are."""
    scores = [score for cell in answers if (score := cell.get_score(sample)) is not None]
    return max(scores) - min(scores)


def _collect_samples(
    dataset: str, path: Path, ids: Sequence[str], answers: Sequence[_Answers], folder: Path
) -> Iterator[CollectedSample]:
    columns = ["id", "image", "references", "choices", "answer_index"]
    rows = pq.read_table(path, columns=columns, filters=[("id", "in", list(ids))]).to_pylist()
    by_id = {compose(row["id"]): row for row in rows}
    for place, sample in enumerate(sample for sample in ids if sample in by_id):
        row = by_id[sample]
        references = _choose_references(row["references"], row["choices"], row["answer_index"])
        yield CollectedSample(
            id=_cut(sample, "reference"),
            image=_write_picture(row["image"], folder / f"{dataset}-{place}.jpg"),
            prompt=_cut(answers[0].predictions[sample].prompt or "", "prompt"),
            references=tuple(_cut(text, "reference") for text in references),
            changed=_is_changed(sample, answers),
            answers=tuple(_collect_answer(cell, sample) for cell in answers),
        )


def _collect_answer(cell: _Answers, sample: str) -> CollectedAnswer:
    text = cell.get_answer(sample)
    return CollectedAnswer(None if text is None else _cut(text, "answer"), cell.get_score(sample))


def _choose_references(
    references: Sequence[str | None] | None,
    choices: Sequence[str | None] | None,
    answer_index: int | None,
) -> list[str]:
    """Return a sample's distinct references, or its right choice where it has none."""
    texts = [text or "" for text in references or ()]
    if not texts and choices and answer_index is not None and 0 <= answer_index < len(choices):
        texts = [choices[answer_index] or ""]
    return list(dict.fromkeys(map(compose, texts)))[:_REFERENCES]


def _cut(text: str, kind: Literal["prompt", "answer", "reference"]) -> str:
    longest = _LETTERS[kind]
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _write_picture(data: bytes | None, path: Path) -> str | None:
    """Write a sample's picture; return its name, or None where it cannot be read."""
    if data is None:
        # The study came from an archive without images.
        return None
    try:
        write_bytes(path, encode_thumbnail_jpeg(data, _SIDE_PX))
    except (OSError, ValueError, UnidentifiedImageError, SyntaxError) as error:
        _LOG.warning("%s: no picture (%s)", path.name, error)
        return None
    return path.name
