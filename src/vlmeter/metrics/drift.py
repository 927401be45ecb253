"""How a cell's answers differ from its base cell's: settings are not supposed to change them."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from vlmeter.metrics.base import Contributions
from vlmeter.metrics.tables import read_columns, read_scores
from vlmeter.metrics.uncertainty import (
    RESAMPLES,
    Difference,
    Resampled,
    difference_of_resampled,
    resample,
)

KEPT = 512
"""Files and figures held in memory at once: of 300 samples each, some tens of megabytes."""


class PairedDifference(NamedTuple):
    """By how much a cell's figure exceeds its base's, over the samples that both scored."""

    difference: Difference
    samples: int


class Changed(NamedTuple):
    """How many predictions are not the same text, of those that both cells made."""

    changed: int
    shared: int


class Answers:
    """What cells answered and how it was scored, for many comparisons of the same cells.

    A cell stands in several pairs, and some cells in thousands: each file is read once, and each
    figure resampled once, as long as no more than `KEPT` others were looked at in between.
    """

    def __init__(self, *, seed: int, resamples: int = RESAMPLES) -> None:
        """Read nothing yet.

        Args:
            seed: of the bootstrap.
            resamples: of the bootstrap.
        """
        self._seed = seed
        self._resamples = resamples
        self._scores = lru_cache(KEPT)(read_scores)
        self._predictions = lru_cache(KEPT)(_read_predictions)
        self._resampled = lru_cache(KEPT)(self._resample)

    def quality_difference(
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
        ids, base_ids = (self._scores(path, figure).ids for path in paths)
        if ids != base_ids:
            known = frozenset(base_ids)
            ids = tuple(id_ for id_ in ids if id_ in known)
        if not ids:
            return None
        compared = difference_of_resampled(*(self._resampled(path, figure, ids) for path in paths))
        return PairedDifference(compared, len(ids))

    def changed_predictions(self, predictions_path: Path, base_predictions_path: Path) -> Changed:
        """Count the predictions that differ between two cells, character by character.

        Raises:
            UserError: a file is missing, cut short or lacks a column.
        """
        cell, base = map(self._predictions, (predictions_path, base_predictions_path))
        shared = [id_ for id_ in cell if id_ in base]
        return Changed(sum(cell[id_] != base[id_] for id_ in shared), len(shared))

    def _resample(self, path: Path, figure: str, ids: tuple[str, ...]) -> Resampled:
        scores = self._scores(path, figure)
        values, weights = scores.values, scores.weights
        if ids != scores.ids:
            place_of = {id_: place for place, id_ in enumerate(scores.ids)}
            places = [place_of[id_] for id_ in ids]
            values, weights = values[places], weights[places]
        contributions = Contributions(values * weights, weights, scores.statistic)
        return resample(contributions, seed=self._seed, resamples=self._resamples)


def _read_predictions(path: Path) -> dict[str, str | None]:
    ids, predictions = read_columns(path, ["id", "prediction"]).columns
    return dict(zip(ids.to_pylist(), predictions.to_pylist(), strict=True))
