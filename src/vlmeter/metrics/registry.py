"""The metrics of each task. A new metric is a module and an entry in this table.

Packages of others add to it by the entry points `vlmeter.metrics`, in tables of this form.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from vlmeter.errors import UserError, list_names, shorten
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
from vlmeter.software.plugins import load_tables

_OWN: dict[str, tuple[Metric, ...]] = {
    "caption": (wer.METRIC, cider.METRIC),
    "vqa": (wer.METRIC, vqa.METRIC, exact_match.METRIC, token_f1.METRIC),
    "multiple_choice": (wer.METRIC, multiple_choice.METRIC, likelihood.METRIC),
    "ocr": (wer.METRIC, exact_match.METRIC, anls.METRIC, token_f1.METRIC),
}
"""WER is the first of each task: the published study reports it for every data set."""


def _is_metrics(value: object) -> bool:
    return isinstance(value, Iterable) and all(isinstance(each, Metric) for each in value)


def _add(others: Iterable[Mapping[str, object]]) -> dict[str, tuple[Metric, ...]]:
    """Return our metrics with those of others after them.

    Raises:
        UserError: another package names a task that there is not, or a metric that there is.
    """
    metrics = dict(_OWN)
    for table in others:
        for task, added in table.items():
            if task not in metrics:
                raise UserError(
                    f"A package adds metrics to the task {shorten(task)}, which there is not: use "
                    f"one of {list_names(sorted(metrics))}."
                )
            for metric in cast(Iterable[Metric], added):
                if metric.name in {each.name for each in metrics[task]}:
                    raise UserError(
                        f"A package adds the metric {shorten(metric.name)} to {task}, which has "
                        "one of that name: give it another."
                    )
                metrics[task] = (*metrics[task], metric)
    return metrics


TASK_METRICS = _add(load_tables("vlmeter.metrics", _is_metrics, "metrics by task"))
"""Ours, then those of other packages."""
