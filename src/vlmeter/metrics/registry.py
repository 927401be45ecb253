"""The metrics of each task. A new metric is a module and an entry in this table."""

from vlmeter.metrics import (
    anls,
    cider,
    exact_match,
    likelihood,
    multiple_choice,
    token_f1,
    vqa,
    wer,
)
from vlmeter.metrics.base import Metric

TASK_METRICS: dict[str, tuple[Metric, ...]] = {
    "caption": (wer.METRIC, cider.METRIC),
    "vqa": (wer.METRIC, vqa.METRIC, exact_match.METRIC, token_f1.METRIC),
    "multiple_choice": (wer.METRIC, multiple_choice.METRIC, likelihood.METRIC),
    "ocr": (wer.METRIC, exact_match.METRIC, anls.METRIC, token_f1.METRIC),
}
"""WER is the first of each task: the published study reports it for every data set."""
