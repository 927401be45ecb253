"""Makes up the records of cells, typed and complete, with plausible figures."""

import random
from typing import Any

from figures_factory import make_figures

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Figures
from vlmeter.metrics.figure import BadSample, Figure
from vlmeter.results.cell import RecordCell
from vlmeter.results.record import Quality, Record, SourceFigures
from vlmeter.results.score_predictions import format_flops
from vlmeter.status import Status

AXES: dict[str, Any] = {
    "model": "m",
    "prompt": "bare",
    "device": "cpu",
    "dtype": "fp32",
    "image_size": 224,
    "image_input": "processor",
    "max_image_tokens": 0,
    "batch_size": 1,
    "max_input_len": 200,
    "optimization": "eager",
    "new_tokens": 16,
}
"""Of a cell like any other."""
TASK_METRICS = {
    "coco": ("cider_d", "CIDEr-D", 0.61),
    "scienceqa": ("accuracy", "Accuracy", 0.47),
    "textvqa": ("vqa_accuracy", "VQA accuracy", 0.32),
}
WER = {"coco": 0.995278537273407, "scienceqa": 20.883333206176758, "textvqa": 3.753488302230835}


def make_cell(cell: str, dataset: str, axes: dict[str, Any]) -> RecordCell:
    return RecordCell(id=cell, dataset=dataset, **axes)


def make_failed_record(cell: RecordCell, status: Status, reason: str) -> Record:
    return Record(
        headline=SourceFigures(None, None, None, None),
        ending=Ending(status, reason, None, 1),
        cell=cell,
        quality=None,
        figures=None,
        files={},
    )


def make_ok_record(cell: RecordCell, rng: random.Random, tokens: int) -> Record:
    """Return the record of a cell that ended well.

    Args:
        cell: The cell.
        rng: Gives the noise of its latency.
        tokens: Length of its prompts before they are cut.
    """
    text = min(tokens, cell.max_input_len)
    seconds = 0.021 * (cell.batch_size**0.86) * (1 + text / 150) * rng.uniform(0.985, 1.015)
    return make_record(cell, make_figures(cell, seconds, tokens), make_quality(cell))


def make_record(cell: RecordCell, figures: Figures, quality: Quality) -> Record:
    """Return the record of a cell that ended well, from its costs and its quality."""
    word_errors = next((it.value for it in quality.metrics if it.name == "wer"), None)
    return Record(
        headline=SourceFigures(
            wer_value=word_errors,
            latency=figures.latency_detail.latency_s,
            energy=figures.energy_detail.energy_j,
            flops=format_flops(figures.flops_detail.flops),
        ),
        ending=Ending(Status.OK, None, None, 1),
        cell=cell,
        quality=quality,
        figures=figures,
        files={},
    )


def make_quality(cell: RecordCell) -> Quality:
    wer = WER.get(cell.dataset, 2.0) * (
        1.02 if cell.max_input_len == 50 and cell.dataset == "scienceqa" else 1
    )
    name, label, value = TASK_METRICS.get(cell.dataset, TASK_METRICS["textvqa"])
    return Quality(
        metrics=(
            make_metric("wer", "WER", wer, 0.04, higher_is_better=False),
            make_metric("wer_median", "WER, median", wer * 0.9, 0.05, higher_is_better=False),
            make_metric("mer", "MER", min(wer, 0.9), 0.02, higher_is_better=False),
            make_metric(name, label, value, 0.06, higher_is_better=True),
        ),
        samples=300,
        scored=299,
        unscored=1,
        bad_samples=(BadSample("q17", "the image is cut short", ()),),
        definition="Texts are lower-cased and stripped of punctuation; best reference.",
    )


def make_metric(
    name: str, label: str, value: float, width: float, *, higher_is_better: bool
) -> Figure:
    low, high = value * (1 - width), value * (1 + width)
    return Figure(name, label, value, low, high, higher_is_better, 299)
