"""Token-level F1 with the best reference, as SQuAD defines it."""

from collections import Counter
from collections.abc import Collection

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import filled_references, no_filled_reference, squad_normalise


def f1(prediction: str, reference: str) -> float:
    """Return the harmonic mean of the precision and recall of the prediction's words.

    Where the normalisation leaves nothing of either side it is 1 if both are empty, else 0, as in
    SQuAD 2.0 (Rajpurkar et al., 2018, arXiv 1806.03822).
    """
    given = squad_normalise(prediction).split()
    wanted = squad_normalise(reference).split()
    if not given or not wanted:
        return float(given == wanted)
    common = (Counter(given) & Counter(wanted)).total()
    return 2 * common / (len(given) + len(wanted))


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the mean over samples of the best F1 over references."""
    values = [
        max(f1(example.prediction, reference) for reference in filled_references(example))
        for example in examples
    ]
    return [Score("token_f1", "Token F1", mean(values), higher_is_better=True)]


METRIC = Metric(
    name="token_f1",
    definition=(
        "Token F1: of the words that prediction and reference share, after SQuAD's "
        "normalisation; the best reference counts."
    ),
    problem=no_filled_reference,
    scores=scores,
)
