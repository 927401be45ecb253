"""Makes up rows of the summary and of the differences."""

import json
from typing import Any

from record_factory import AXES

from vlmeter.metrics.figure import Figure
from vlmeter.results.columns import restore_row
from vlmeter.results.difference_row import DIFFERENCE_COLUMNS, DifferenceRow
from vlmeter.results.summary_row import SUMMARY_COLUMNS, SummaryRow
from vlmeter.storage.layout import DifferenceKey

CELL = {
    "cell": "m-bs1",
    "dataset": "coco",
    **AXES,
    "status": "ok",
    "attempt": 1,
}


def make_row(**values: Any) -> SummaryRow:
    """Return a cell that ended well, without figures but those that are given."""
    empty = {column.name: None for column in SUMMARY_COLUMNS}
    return restore_row(SummaryRow, {**empty, **CELL, **values})


def rounds_of(cost: str, rounds: list[float]) -> dict[str, Any]:
    """Return the columns of a cost that was measured in these rounds."""
    column = {"latency": "latency_rounds_s", "energy": "energy_rounds_j"}[cost]
    return {cost: rounds[0] if rounds else None, column: json.dumps(rounds)}


def metrics_of(**values: float | None) -> dict[str, Any]:
    """Return the columns of figures of quality: first of those that count word errors."""
    figures = [
        Figure(name, name.upper(), value, value, value, higher_is_better=True, scored=4)
        for name, value in values.items()
    ]
    own = next((it for it in figures if not it.name.startswith(("wer", "mer"))), None)
    return {
        "metrics": json.dumps([vars(figure) for figure in figures]),
        "wer_value": values.get("wer"),
        "task_metric": own and own.name,
        "task_value": own and own.value,
    }


def make_difference(key: DifferenceKey, **values: Any) -> DifferenceRow:
    """Return the row of a pair of cells, without figures but those that are given."""
    empty = {column.name: None for column in DIFFERENCE_COLUMNS}
    return restore_row(DifferenceRow, {**empty, **key._asdict(), **values})
