"""Compares the answers of a cell and its base cell, which most settings should not change."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from vlmeter.metrics.base import Contributions
from vlmeter.metrics.scores import read_scores
from vlmeter.metrics.uncertainty import (
    Difference,
    Resampled,
    compute_resampled_difference,
    resample,
)
from vlmeter.storage.parquet import read_columns

_CACHE_SIZE = 512
"""Files and figures that are cached: with 300 samples each, some tens of megabytes."""


class PairedDifference(NamedTuple):
    """By how much a cell's figure exceeds its base's, over the samples scored in both."""

    difference: Difference
    samples: int
    """Samples scored in both."""


class Changed(NamedTuple):
    """The number of predictions that differ as texts, over the samples that both cells answered."""

    changed: int
    shared: int
    """Samples that both cells answered."""


class Answers:
    """The answers and scores of cells, for many comparisons of the same cells.

    A cell is part of several pairs, some cells of thousands. So each file is read once and each
    figure is resampled once, unless more than `_CACHE_SIZE` others were used in between.
    """

    def __init__(self, *, seed: int, resamples: int) -> None:
        """Set the bootstrap; files are read by the comparisons.

        Args:
            seed: seed of the bootstrap.
            resamples: number of resamples.
        """
        self._seed = seed
        self._resamples = resamples
        self._read_scores = lru_cache(_CACHE_SIZE)(read_scores)
        self._read_predictions = lru_cache(_CACHE_SIZE)(_read_predictions)
        self._resample_cached = lru_cache(_CACHE_SIZE)(self._resample)

    def compare_quality(
        self, scores_path: Path, base_scores_path: Path, figure: str
    ) -> PairedDifference | None:
        """Compare a figure of two cells by a paired bootstrap over their common samples.

        Args:
            scores_path: `scores.parquet` of the cell.
            base_scores_path: `scores.parquet` of its base.
            figure: name of the figure, e.g. `wer`.

        Returns:
            The difference, or None where no sample was scored in both.

        Raises:
            UserError: a file is missing, cut short or has no such figure.
        """
        paths = scores_path, base_scores_path
        ids, base_ids = (self._read_scores(path, figure).ids for path in paths)
        if ids != base_ids:
            in_base = frozenset(base_ids)
            ids = tuple(id_ for id_ in ids if id_ in in_base)
        if not ids:
            return None
        cell, base = (self._resample_cached(path, figure, ids) for path in paths)
        return PairedDifference(compute_resampled_difference(cell, base), len(ids))

    def count_changed(self, predictions_path: Path, base_predictions_path: Path) -> Changed:
        """Count the predictions whose text is not the same in two cells.

        Composed and decomposed forms of the same characters (Unicode's NFC and NFD) are the same.

        Raises:
            UserError: a file is missing, cut short or lacks a column.
        """
        cell, base = map(self._read_predictions, (predictions_path, base_predictions_path))
        shared = [id_ for id_ in cell if id_ in base]
        return Changed(sum(cell[id_] != base[id_] for id_ in shared), len(shared))

    def _resample(self, path: Path, figure: str, ids: tuple[str, ...]) -> Resampled:
        scores = self._read_scores(path, figure)
        values, weights = scores.values, scores.weights
        if ids != scores.ids:
            position_of = {id_: position for position, id_ in enumerate(scores.ids)}
            positions = [position_of[id_] for id_ in ids]
            values, weights = values[positions], weights[positions]
        contributions = Contributions(values * weights, weights, scores.statistic)
        return resample(contributions, seed=self._seed, resamples=self._resamples)


def _read_predictions(path: Path) -> dict[str, str | None]:
    ids, predictions = read_columns(path, ["id", "prediction"]).columns
    composed = (
        pc.utf8_normalize(column.cast(pa.string()), form="NFC") for column in (ids, predictions)
    )
    return dict(zip(*(column.to_pylist() for column in composed), strict=True))
