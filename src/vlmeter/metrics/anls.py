"""Average normalised Levenshtein similarity (ANLS), which tolerates small reading errors.

Biten et al., 2019, "Scene Text Visual Question Answering" (arXiv 1905.13648), equation 1.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import (
    CHARACTERS,
    EditCounts,
    count_edits,
    explain_no_reference,
    select_filled_references,
    split_into_blocks,
)

THRESHOLD = 0.5
"""At this normalised distance or more an answer is wrong rather than misread, and scores 0."""


def _normalise(text: str) -> str:
    return " ".join(text.lower().split())


def _compute_similarity(counts: EditCounts) -> float:
    distance = counts.errors / max(counts.reference_length, counts.prediction_length)
    return 1 - distance if distance < THRESHOLD else 0.0


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the mean over samples of the best similarity over references."""
    values = [
        value
        for block in split_into_blocks(examples)
        for value in _compute_best_similarities(block)
    ]
    return [Score("anls", "ANLS", mean(values), higher_is_better=True)]


def _compute_best_similarities(examples: Sequence[Example]) -> Iterator[float]:
    pairs = [
        (position, _normalise(reference), _normalise(example.prediction))
        for position, example in enumerate(examples)
        for reference in select_filled_references(example)
    ]
    counts = count_edits([pair[1] for pair in pairs], [pair[2] for pair in pairs], CHARACTERS)
    similarities = zip((pair[0] for pair in pairs), map(_compute_similarity, counts), strict=True)
    for _, group in groupby(similarities, key=itemgetter(0)):
        yield max(similarity for _, similarity in group)


METRIC = Metric(
    name="anls",
    definition=(
        "ANLS: 1 - Levenshtein distance / length of the longer text, 0 where that quotient is "
        "0.5 or more, after lower-casing and single spaces; the best reference counts."
    ),
    problem=explain_no_reference,
    scores=scores,
)
