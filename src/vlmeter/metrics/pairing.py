"""Samples beside the predictions for them, read from disk again at each pass over them."""

import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vlmeter.errors import UserError, listed
from vlmeter.metrics.base import Example
from vlmeter.metrics.evaluate import BadSample
from vlmeter.metrics.tables import read_columns, stream_rows

_SAMPLE_COLUMNS = ("id", "references", "choices", "answer_index")
_NO_PREDICTION = -1


class Pairs(NamedTuple):
    """The samples of a data set with their predictions."""

    samples: int
    """Samples in the data set, with or without a prediction."""
    examples: "Examples"
    strays: list[BadSample]
    """Samples without one prediction, and predictions without a sample."""


class Examples(Collection[Example]):
    """The samples that have a prediction, in the samples' order.

    In memory are the predictions, as Arrow keeps them, and where each sample's is among them.
    """

    def __init__(
        self, samples: Path, ids: pa.Array, predictions: pa.Table, place: pa.Array
    ) -> None:
        self._samples, self._predictions = samples, predictions
        self._place = place.fill_null(_NO_PREDICTION).to_numpy(zero_copy_only=False)
        self.ids = ids.filter(place.is_valid())
        """The samples' ids."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)

    def __contains__(self, example: object) -> bool:
        """Say whether one of them equals this one."""
        return any(example == one for one in self)

    def __iter__(self) -> Iterator[Example]:
        """Read them, some at a time."""
        first = 0
        for rows in stream_rows(self._samples, _SAMPLE_COLUMNS):
            places = self._place[first : first + len(rows)]
            paired = np.flatnonzero(places != _NO_PREDICTION)
            predictions = self._predictions.take(pa.array(places[paired])).to_pylist()
            for place, prediction in zip(paired, predictions, strict=True):
                yield _example(rows[place], prediction)
            first += len(rows)


def read_pairs(samples: Path, predictions: Path) -> Pairs:
    """Pair samples with predictions; report what has no counterpart.

    Raises:
        UserError: a file is missing, cut short or lacks a column, or an id is of several samples.
    """
    ids = _ids(read_columns(samples, _SAMPLE_COLUMNS[:1]))
    repeated = _repeated(ids)
    if repeated:
        raise UserError(f"{samples} holds more than one sample of id {listed(list(repeated))}.")
    told = read_columns(predictions, ("id", "prediction"), ("option_scores",))
    predicted = _ids(told)
    several = _repeated(predicted)
    place = pc.index_in(ids, predicted)
    null = pc.is_null(told.column("prediction").combine_chunks())
    unusable = pc.or_(null, pc.is_in(predicted, pa.array(several, pa.string())))
    usable = pc.if_else(unusable.take(place), pa.scalar(None, pa.int32()), place)
    strays = []
    for position in np.flatnonzero(usable.is_null().to_numpy(zero_copy_only=False)):
        name = ids[position].as_py()
        strays.append(BadSample(name, _unpaired(several.get(name, 1), place[position]), ()))
    unknown = predicted.filter(pc.invert(pc.is_in(predicted, ids))).unique().to_pylist()
    strays += [BadSample(name, "prediction for a sample not in the data", ()) for name in unknown]
    return Pairs(len(ids), Examples(samples, ids, told, usable), strays)


def _ids(table: pa.Table) -> pa.Array:
    column = table.column("id").cast(pa.string())
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())


def _repeated(ids: pa.Array) -> dict[str, int]:
    """Return the ids that stand more than once, with how often they do."""
    counted = ids.value_counts()
    often = counted.filter(pc.greater(counted.field("counts"), 1))
    return {one["values"]: one["counts"] for one in often.to_pylist()}


def _unpaired(count: int, place: pa.Scalar) -> str:
    """Say why a sample's prediction cannot be used."""
    if not place.is_valid:
        return "no prediction"
    return f"{count} predictions for one sample" if count > 1 else "the prediction is null"


def _example(sample: Mapping[str, Any], prediction: Mapping[str, Any]) -> Example:
    choices = tuple(sample["choices"] or ())
    references = tuple(text or "" for text in sample["references"] or ())
    answer_index = sample["answer_index"]
    if not references and answer_index is not None and 0 <= answer_index < len(choices):
        references = (choices[answer_index],)
    option_scores = prediction.get("option_scores")
    return Example(
        id=sample["id"],
        prediction=prediction["prediction"],
        references=references,
        choices=choices,
        answer_index=answer_index,
        option_scores=None
        if option_scores is None
        else tuple(math.nan if score is None else score for score in option_scores),
    )
