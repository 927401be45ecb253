"""Exact match with any reference, after SQuAD's normalisation."""

from collections.abc import Collection

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import filled_references, no_filled_reference, squad_normalise


def matches(prediction: str, reference: str) -> bool:
    """Whether two answers are equal after normalisation."""
    return squad_normalise(prediction) == squad_normalise(reference)


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the share of predictions that equal one of their references."""
    values = [
        float(any(matches(example.prediction, text) for text in filled_references(example)))
        for example in examples
    ]
    return [Score("exact_match", "Exact match", mean(values), higher_is_better=True)]


METRIC = Metric(
    name="exact_match",
    definition=(
        "Exact match: the prediction equals one of the references after SQuAD's normalisation "
        "(lower case, no ASCII punctuation, no English articles, single spaces)."
    ),
    problem=no_filled_reference,
    scores=scores,
)
