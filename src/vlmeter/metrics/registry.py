"""Which metrics belong to which task. A new metric is one module and its name in this table."""

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
"""WER comes first in each: the source reports it for every data set."""
