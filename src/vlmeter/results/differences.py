"""Compares the cells of a study: does one cost more or answer worse, beyond what chance does?"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from statistics import fmean

from vlmeter.metrics.drift import Answers
from vlmeter.metrics.figure import Figure as QualityFigure
from vlmeter.results.columns import restore_row
from vlmeter.results.comparisons import Comparisons
from vlmeter.results.difference_row import (
    DIFFERENCE_COLUMNS,
    DifferenceRow,
    Figure,
    FromBase,
    list_values,
)
from vlmeter.results.repeatability import (
    COSTS,
    Cost,
    Repeats,
    compute_cost_difference,
    get_rounds,
)
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.summary_values import read_metrics
from vlmeter.status import Status
from vlmeter.storage.layout import CellFolder, CellKey, DifferenceKey

_Values = dict[str, str | float | bool | None]
"""Values of a row by column."""


class _Cell:
    """A cell of a study; what its row holds as JSON is read once for all its comparisons."""

    def __init__(self, row: SummaryRow, folder: CellFolder) -> None:
        self.row = row
        self.scores = folder.scores
        self.predictions = folder.predictions

    @cached_property
    def rounds(self) -> dict[Cost, list[float] | None]:
        return {cost: get_rounds(self.row, cost) for cost in COSTS}

    @cached_property
    def metrics(self) -> dict[str, QualityFigure]:
        return read_metrics(self.row.metrics)

    def get_value(self, metric: str) -> float | None:
        return self.metrics[metric].value if metric in self.metrics else None


def compare_cells(
    rows: Mapping[CellKey, SummaryRow],
    folders: Mapping[CellKey, Path],
    comparisons: Comparisons,
    repeats: Repeats,
) -> list[DifferenceRow]:
    """Return a row of `differences.csv` for each pair of cells that are both among the rows.

    Costs are compared over rounds and over what repeating them shows (t), quality sample by sample
    (paired bootstrap).

    Args:
        rows: The cells' rows of the summary.
        folders: Where `scores.parquet` and `predictions.parquet` of each lie.
        comparisons: Which cells are compared.
        repeats: How well the costs of these cells repeat.

    Raises:
        UserError: a table of scores or predictions is missing or damaged.
    """
    cells = {key: _Cell(row, CellFolder(folders[key])) for key, row in rows.items()}
    answers = Answers(seed=comparisons.seed, resamples=comparisons.resamples)
    return [
        _build_row(pair, cells[key], cells[base_key], repeats, answers)
        for pair in comparisons.pairs
        for key, base_key in [(CellKey(pair.dataset, pair.cell), CellKey(pair.dataset, pair.base))]
        if key in cells and base_key in cells
    ]


def _build_row(
    pair: DifferenceKey, cell: _Cell, base: _Cell, repeats: Repeats, answers: Answers
) -> DifferenceRow:
    values: _Values = {column.name: None for column in DIFFERENCE_COLUMNS}
    values |= pair._asdict()
    for cost in COSTS:
        values |= _compare_cost(cell, base, cost, repeats)
    if cell.row.status == Status.OK == base.row.status:
        values |= _compare_quality(cell, base, answers)
    return restore_row(DifferenceRow, values)


def _compare_cost(cell: _Cell, base: _Cell, cost: Cost, repeats: Repeats) -> _Values:
    """Return the columns of a cost; for latency, of the time per sample of the batch too."""
    rounds, base_rounds = cell.rounds[cost], base.rounds[cost]
    if not rounds or not base_rounds:
        return {}

    def compare(figure: Figure, rounds: list[float], base_rounds: list[float]) -> _Values:
        difference = compute_cost_difference(
            cell.row, base.row, cost, repeats=(repeats, repeats), rounds=(rounds, base_rounds)
        )
        return {**list_values(figure, FromBase(fmean(base_rounds), difference))}

    values = compare(cost, rounds, base_rounds)
    if cost == "latency":
        rounds = [seconds / cell.row.batch_size for seconds in rounds]
        base_rounds = [seconds / base.row.batch_size for seconds in base_rounds]
        values |= compare("sample_time", rounds, base_rounds)
    return values


def _compare_quality(cell: _Cell, base: _Cell, answers: Answers) -> _Values:
    values: _Values = {}
    word_errors = _compare_metric(cell, base, answers, "wer")
    if word_errors is not None:
        values |= list_values("wer", word_errors)
    task_metric = cell.row.task_metric
    if task_metric is not None:
        compared = _compare_metric(cell, base, answers, task_metric)
        if compared is not None:
            values |= {"task_metric": task_metric, **list_values("task", compared)}
    changed = answers.count_changed(cell.predictions, base.predictions)
    if changed.shared:
        values |= {"changed_predictions": changed.changed, "shared_predictions": changed.shared}
    return values


def _compare_metric(cell: _Cell, base: _Cell, answers: Answers, metric: str) -> FromBase | None:
    """Compare a figure of quality; None where a cell has no value, or they share no sample."""
    base_value = base.get_value(metric)
    if cell.get_value(metric) is None or base_value is None:
        return None
    paired = answers.compare_quality(cell.scores, base.scores, metric)
    return None if paired is None else FromBase(base_value, paired.difference)
