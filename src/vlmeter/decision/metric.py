"""Which metric says how well the cells of a data set answer."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from vlmeter.results.summary_row import SummaryRow


class Metric(NamedTuple):
    """The metric that says how well the cells of a data set answer."""

    figure: Literal["task", "wer"]
    """Its name in `differences.csv`."""
    label: str
    higher_is_better: bool


def choose_metric(rows: Sequence[SummaryRow]) -> Metric | None:
    """Return the metric that judges cells: the task's own, else the word error rate."""
    for row in rows:
        if row.task_value is not None and row.task_higher_is_better is not None:
            return Metric("task", str(row.task_metric_label), row.task_higher_is_better)
    if any(row.wer_value is not None for row in rows):
        return Metric("wer", "WER", False)
    return None
