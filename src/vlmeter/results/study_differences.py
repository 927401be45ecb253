"""Compares a cell with its partner of another study, or of another run of the same study."""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

from vlmeter.metrics.drift import Answers, Changed
from vlmeter.metrics.figure import Figure
from vlmeter.metrics.uncertainty import RESAMPLES, Difference
from vlmeter.results.columns import get_number
from vlmeter.results.matching import Pair
from vlmeter.results.repeatability import Cost, Repeats, compute_cost_difference, get_rounds
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.summary_values import read_metrics
from vlmeter.storage.files import check_whole, checksums, read_json
from vlmeter.storage.layout import CellFolder, CellKey, StudyFolder

SEED = 0
"""Seed of the bootstrap: the same two studies always give the same report."""

PAIRED: Literal["paired"] = "paired"
UNPAIRED: Literal["unpaired"] = "unpaired"


@dataclass(frozen=True)
class Compared:
    """A figure of a cell in both studies."""

    a: float | None
    b: float | None
    difference: Difference | None
    """B less A; None where A or B has no value."""
    base: float | None = None
    """A's value as it was compared: a difference in percent is a share of it."""
    how: Literal["", "paired", "unpaired"] = ""
    """How a figure of quality was compared."""


def compare_cost(pair: Pair, cost: Cost, repeats_a: Repeats, repeats_b: Repeats) -> Compared:
    """Compare latency or energy over rounds, allowing for how well each study repeats itself."""
    rounds_a, rounds_b = get_rounds(pair.a, cost), get_rounds(pair.b, cost)
    values = get_number(pair.a, cost), get_number(pair.b, cost)
    if not rounds_a or not rounds_b:
        return Compared(*values, None)
    difference = compute_cost_difference(
        pair.b, pair.a, cost, repeats=(repeats_b, repeats_a), rounds=(rounds_b, rounds_a)
    )
    return Compared(*values, difference, fmean(rounds_a))


def compare_column(pair: Pair, column: str) -> Compared:
    """Compare a figure without a measured spread, such as a peak or a count."""
    a, b = get_number(pair.a, column), get_number(pair.b, column)
    if a is None or b is None:
        return Compared(a, b, None)
    return Compared(a, b, Difference(b - a, None, None), a)


def compare_quality(pair: Pair, metric: str, folder_a: Path, folder_b: Path) -> Compared:
    """Compare a figure of quality, sample by sample where both cells scored the same samples.

    Otherwise, or where scores per sample are missing, the two intervals are combined as if the
    samples were independent (method of variance estimates recovery, Zou and Donner, 2008). For the
    same samples, the combined interval is wider than necessary.
    """
    a, b = (read_metrics(row.metrics).get(metric) for row in (pair.a, pair.b))
    values = None if a is None else a.value, None if b is None else b.value
    if a is None or b is None or a.value is None or b.value is None:
        return Compared(*values, None)
    cell_a, cell_b = _find_cell(folder_a, pair.a), _find_cell(folder_b, pair.b)
    if has_same_samples(pair) and cell_a.scores.exists() and cell_b.scores.exists():
        for cell in (cell_a, cell_b):
            _check_table(cell, cell.scores)
        paired = Answers(seed=SEED, resamples=RESAMPLES).compare_quality(
            cell_b.scores, cell_a.scores, metric
        )
        if paired is not None:
            return Compared(*values, paired.difference, a.value, PAIRED)
    return Compared(*values, _combine_intervals(a, b), a.value, UNPAIRED)


def has_same_samples(pair: Pair) -> bool:
    """Say whether both cells answered exactly the same samples."""
    digest = pair.a.samples_sha256
    return digest is not None and digest == pair.b.samples_sha256


def count_changed_answers(pair: Pair, folder_a: Path, folder_b: Path) -> Changed | None:
    """Count the answers whose text differs; None where the answers cannot be compared."""
    a, b = _find_cell(folder_a, pair.a), _find_cell(folder_b, pair.b)
    if not has_same_samples(pair) or not a.predictions.exists() or not b.predictions.exists():
        return None
    for cell in (a, b):
        _check_table(cell, cell.predictions)
    changed = Answers(seed=SEED, resamples=RESAMPLES).count_changed(b.predictions, a.predictions)
    return changed if changed.shared else None


def _find_cell(folder: Path, row: SummaryRow) -> CellFolder:
    return StudyFolder(folder).cell(CellKey(row.dataset, row.cell))


def _check_table(cell: CellFolder, table: Path) -> None:
    """Check a table of a cell, where the study keeps the record that has its checksum."""
    if cell.record.exists() and table.stem in (digests := checksums(read_json(cell.record))):
        check_whole(table, digests[table.stem])


def _combine_intervals(a: Figure, b: Figure) -> Difference | None:
    """Return the difference of two figures of other samples."""
    if a.value is None or b.value is None:
        return None
    estimate = b.value - a.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Difference(estimate, None, None)
    below = math.hypot(b.value - b.low, a.high - a.value)
    above = math.hypot(b.high - b.value, a.value - a.low)
    return Difference(estimate, estimate - below, estimate + above)
