"""Pairs samples with their predictions; each pass over the pairs reads the samples from disk."""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vlmeter.errors import UserError, listed
from vlmeter.metrics.base import Example
from vlmeter.metrics.figure import BadSample
from vlmeter.storage.parquet import read_columns, stream_table
from vlmeter.storage.texts import compose

_SAMPLE_COLUMNS = ("id", "references", "choices", "answer_index")
_NO_PREDICTION = -1
_BLOCK_SAMPLES = 1024


class Pairs(NamedTuple):
    """The samples of a data set with their predictions."""

    samples: int
    """Number of samples in the data set, with or without a prediction."""
    examples: "Examples"
    strays: list[BadSample]
    """Samples without a usable prediction, and predictions without a sample."""
    ids: pa.Array
    """The ids of all samples."""

    def count_samples(self, ids: Iterable[str]) -> int:
        """Return how many samples have one of these ids."""
        return int(pc.is_in(self.ids, pa.array(map(compose, ids), pa.string())).true_count)


class Examples(Collection[Example]):
    """The samples that have a prediction, in the samples' order.

    The predictions are in memory as an Arrow table, with the position of each sample's prediction.
    """

    def __init__(
        self, samples: Path, ids: pa.Array, predictions: pa.Table, positions: pa.Array
    ) -> None:
        self._samples, self._predictions = samples, predictions
        self._positions = positions.fill_null(_NO_PREDICTION).to_numpy(zero_copy_only=False)
        self.ids = ids.filter(positions.is_valid())
        """The ids of these samples."""

    def __len__(self) -> int:
        """Return the number of these samples."""
        return len(self.ids)

    def __contains__(self, example: object) -> bool:
        """Say whether an equal example is among them."""
        return any(example == other for other in self)

    def __iter__(self) -> Iterator[Example]:
        """Yield the examples; a block of samples is in memory at a time."""
        first = 0
        samples = stream_table(self._samples, _SAMPLE_COLUMNS)
        while rows := list(islice(samples, _BLOCK_SAMPLES)):
            positions = self._positions[first : first + len(rows)]
            paired = np.flatnonzero(positions != _NO_PREDICTION)
            predictions = self._predictions.take(pa.array(positions[paired])).to_pylist()
            for index, prediction in zip(paired, predictions, strict=True):
                id_, references, choices, answer = (rows[index][name] for name in _SAMPLE_COLUMNS)
                text, scores = prediction["prediction"], prediction.get("option_scores")
                yield _build_example(compose(id_), references, choices, answer, text, scores)
            first += len(rows)


def read_pairs(samples: Path, predictions: Path) -> Pairs:
    """Pair samples with predictions; list those without a counterpart.

    Raises:
        UserError: a file is missing, cut short or lacks a column, or several samples share an id.
    """
    ids = _read_ids(read_columns(samples, _SAMPLE_COLUMNS[:1]))
    repeated = _count_repeated(ids)
    if repeated:
        raise UserError(
            f"{samples} holds more than one sample of id {listed(list(repeated))}, in Unicode's "
            "composed form (NFC)."
        )
    table = read_columns(predictions, ("id", "prediction"), ("option_scores",))
    predicted_ids = _read_ids(table)
    prediction_counts = _count_repeated(predicted_ids)
    positions = pc.index_in(ids, predicted_ids)
    is_null = pc.is_null(table.column("prediction").combine_chunks())
    is_repeated = pc.is_in(predicted_ids, pa.array(prediction_counts, pa.string()))
    is_unusable = pc.or_(is_null, is_repeated).take(positions)
    usable = pc.if_else(is_unusable, None, positions)
    strays = []
    for index in np.flatnonzero(usable.is_null().to_numpy(zero_copy_only=False)):
        id_ = ids[index].as_py()
        reason = _explain_unpaired(prediction_counts.get(id_, 1), positions[index])
        strays.append(BadSample(id_, reason))
    without_sample = pc.invert(pc.is_in(predicted_ids, ids))
    strays += [
        BadSample(id_, "prediction for a sample not in the data")
        for id_ in predicted_ids.filter(without_sample).unique().to_pylist()
    ]
    return Pairs(len(ids), Examples(samples, ids, table, usable), strays, ids)


def _read_ids(table: pa.Table) -> pa.Array:
    column = pc.utf8_normalize(table.column("id").cast(pa.string()), form="NFC")
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def _count_repeated(ids: pa.Array) -> dict[str, int]:
    """Return the ids that occur more than once, with their counts."""
    counts = ids.value_counts()
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    return {entry["values"]: entry["counts"] for entry in repeated.to_pylist()}


def _explain_unpaired(count: int, position: pa.Scalar) -> str:
    """Return why a sample has no usable prediction."""
    if not position.is_valid:
        return "no prediction"
    return f"{count} predictions for one sample" if count > 1 else "the prediction is null"


def _build_example(
    id_: str,
    references: Sequence[str | None] | None,
    choices: Sequence[str] | None,
    answer_index: int | None,
    prediction: str,
    option_scores: Sequence[float | None] | None,
) -> Example:
    """Return a sample with its prediction. Without references the text of the answer is one."""
    options = tuple(map(compose, choices or ()))
    texts = tuple(compose(text or "") for text in references or ())
    if not texts and answer_index is not None and 0 <= answer_index < len(options):
        texts = (options[answer_index],)
    scores = None
    if option_scores is not None:
        scores = tuple(math.nan if score is None else score for score in option_scores)
    return Example(id_, compose(prediction), texts, options, answer_index, scores)
