"""Token-level F1 with the best reference, as SQuAD defines it."""

from collections import Counter
from collections.abc import Collection

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import (
    explain_no_reference,
    normalise_squad,
    note_missing_spaces,
    select_filled_references,
)


def compute_f1(prediction: str, reference: str) -> float:
    """Return the harmonic mean of the precision and recall of the prediction's words.

    If the normalisation leaves no word of either text it is 1, as in SQuAD 2.0 (Rajpurkar et al.,
    2018, arXiv 1806.03822).
    """
    predicted = normalise_squad(prediction).split()
    expected = normalise_squad(reference).split()
    if not predicted and not expected:
        return 1.0
    common = (Counter(predicted) & Counter(expected)).total()
    return 2 * common / (len(predicted) + len(expected))


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the mean over samples of the best F1 over references."""
    values = [
        max(
            compute_f1(example.prediction, reference)
            for reference in select_filled_references(example)
        )
        for example in examples
    ]
    note = note_missing_spaces(examples)
    return [Score("token_f1", "Token F1", mean(values), higher_is_better=True, note=note)]


METRIC = Metric(
    name="token_f1",
    definition=(
        "Token F1: of the words that prediction and reference share, after SQuAD's "
        "normalisation; the best reference counts."
    ),
    problem=explain_no_reference,
    scores=scores,
)
