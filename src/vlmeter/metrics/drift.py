"""How a cell's answers differ from its base cell's: settings are not supposed to change them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vlmeter.metrics.base import Contributions
from vlmeter.metrics.tables import FigureScores, read_rows, read_scores
from vlmeter.metrics.uncertainty import RESAMPLES, Difference, difference


class PairedDifference(NamedTuple):
    """By how much a cell's figure exceeds its base's, over the samples that both scored."""

    difference: Difference
    samples: int


class Changed(NamedTuple):
    """How many predictions are not the same text, of those that both cells made."""

    changed: int
    shared: int


def quality_difference(
    scores_path: Path,
    base_scores_path: Path,
    figure: str,
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> PairedDifference | None:
    """Compare a figure of two cells by a paired bootstrap over their common samples.

    Args:
        scores_path: `scores.parquet` of the cell.
        base_scores_path: `scores.parquet` of its base.
        figure: name of the figure, e.g. `wer`.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Returns:
        The difference, or None where no sample was scored in both.

    Raises:
        UserError: a file is missing, cut short or has no such figure.
    """
    cell, base = read_scores(scores_path, figure), read_scores(base_scores_path, figure)
    shared = [id_ for id_ in cell.by_id if id_ in base.by_id]
    if not shared:
        return None
    compared = difference(
        _contributions(cell, shared), _contributions(base, shared), seed=seed, resamples=resamples
    )
    return PairedDifference(compared, len(shared))


def changed_predictions(predictions_path: Path, base_predictions_path: Path) -> Changed:
    """Count the predictions that differ between two cells, character by character.

    Raises:
        UserError: a file is missing, cut short or lacks a column.
    """
    cell, base = (
        {row["id"]: row["prediction"] for row in read_rows(path, ["id", "prediction"])}
        for path in (predictions_path, base_predictions_path)
    )
    shared = [id_ for id_ in cell if id_ in base]
    return Changed(sum(cell[id_] != base[id_] for id_ in shared), len(shared))


def _contributions(scores: FigureScores, ids: Sequence[str]) -> Contributions:
    values, weights = np.array([scores.by_id[id_] for id_ in ids], dtype=np.float64).T
    return Contributions(values * weights, weights, scores.statistic)
