"""Exact match with any reference, after SQuAD's normalisation."""

from collections.abc import Collection

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import explain_no_reference, normalise_squad, select_filled_references


def matches(prediction: str, reference: str) -> bool:
    """Say whether two answers are equal after normalisation."""
    return normalise_squad(prediction) == normalise_squad(reference)


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the share of predictions that equal one of their references."""
    values = [
        float(any(matches(example.prediction, text) for text in select_filled_references(example)))
        for example in examples
    ]
    return [
        Score("exact_match", "Exact match", mean(values), higher_is_better=True, counts_right=True)
    ]


METRIC = Metric(
    name="exact_match",
    definition=(
        "Exact match: the prediction equals one of the references after SQuAD's normalisation "
        "(lower case, no ASCII punctuation, no English articles, single spaces)."
    ),
    problem=explain_no_reference,
    scores=scores,
)
