"""Compares each figure over all settings that a study shares with the base, as numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from vlmeter.metrics.drift import Changed
from vlmeter.results.exported import Exported
from vlmeter.results.matching import Matched, Pair, match_cells
from vlmeter.results.repeatability import COSTS
from vlmeter.results.study_differences import (
    Compared,
    compare_column,
    compare_cost,
    compare_quality,
    count_changed_answers,
)
from vlmeter.status import Status
from vlmeter.storage.layout import CellKey

WER = "wer"
Kind = Literal["cost", "count", "quality"]
"""A cost has rounds and thus an interval; a count, such as a peak of memory, has none."""
_COUNTS = ("peak_memory_bytes", "flops")


@dataclass(frozen=True)
class ComparedCell:
    """A figure of a setting in both studies."""

    pair: Pair
    figures: Compared
    changed: Changed | None = None
    """How many answers changed, beside the word error rate."""

    @property
    def is_equal(self) -> bool:
        """Whether both studies have exactly the same figure."""
        return self.figures.a == self.figures.b


@dataclass(frozen=True)
class ComparedFigure:
    """A figure of every setting that has it in both studies."""

    name: str
    """The column, or the metric's name."""
    kind: Kind
    label: str
    """The metric's name for people, in English; empty for what the catalogues name."""
    higher_is_better: bool
    cells: tuple[ComparedCell, ...]


@dataclass(frozen=True)
class Comparison:
    """A study against the base."""

    letter: str
    study: Exported
    matched: Matched
    figures: tuple[ComparedFigure, ...]

    @cached_property
    def keys(self) -> set[CellKey]:
        """The keys of the base's settings that both studies have."""
        return {pair.key for pair in self.matched.pairs}

    @property
    def measured(self) -> tuple[Pair, ...]:
        """The settings that have status ok in both."""
        return tuple(pair for pair in self.matched.pairs if is_measured_in_both(pair))

    def get_figure(self, name: str) -> ComparedFigure | None:
        """Return a figure; None where no setting has it in both studies."""
        return next((figure for figure in self.figures if figure.name == name), None)


def compare_studies(base: Exported, study: Exported, letter: str) -> Comparison:
    """Compare a study with the base.

    Raises:
        UserError: a table of scores or predictions is damaged; the message names it.
    """
    matched = match_cells(base.rows, study.rows)
    both = [pair for pair in matched.pairs if is_measured_in_both(pair)]
    figures = [*_compare_costs(base, study, both), *_compare_qualities(base, study, both)]
    return Comparison(letter, study, matched, tuple(figure for figure in figures if figure.cells))


def is_measured_in_both(pair: Pair) -> bool:
    """Say whether the cell has status ok in both studies."""
    return all(row.status == Status.OK for row in (pair.a, pair.b))


def _compare_costs(a: Exported, b: Exported, both: Sequence[Pair]) -> Iterator[ComparedFigure]:
    for cost in COSTS:
        cells = [
            ComparedCell(pair, compare_cost(pair, cost, a.repeats, b.repeats)) for pair in both
        ]
        yield ComparedFigure(cost, "cost", "", False, _list_compared(cells))
    for column in _COUNTS:
        cells = [ComparedCell(pair, compare_column(pair, column)) for pair in both]
        yield ComparedFigure(column, "count", "", False, _list_compared(cells))


def _compare_qualities(a: Exported, b: Exported, both: Sequence[Pair]) -> Iterator[ComparedFigure]:
    metrics: dict[str, tuple[str, bool, list[Pair]]] = {WER: ("", False, list(both))}
    for pair in both:
        name = pair.a.task_metric
        if name and name == pair.b.task_metric:
            label, higher_is_better = (
                str(pair.a.task_metric_label),
                bool(pair.a.task_higher_is_better),
            )
            metrics.setdefault(name, (label, higher_is_better, []))[2].append(pair)
    for name, (label, higher_is_better, pairs) in metrics.items():
        cells = [
            ComparedCell(
                pair,
                compare_quality(pair, name, a.folder, b.folder),
                count_changed_answers(pair, a.folder, b.folder) if name == WER else None,
            )
            for pair in pairs
        ]
        yield ComparedFigure(name, "quality", label, higher_is_better, _list_compared(cells))


def _list_compared(cells: Sequence[ComparedCell]) -> tuple[ComparedCell, ...]:
    return tuple(cell for cell in cells if cell.figures.difference is not None)
