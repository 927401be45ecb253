"""Average normalised Levenshtein similarity, which forgives small reading errors.

Biten et al., 2019, "Scene Text Visual Question Answering" (arXiv 1905.13648), equation 1.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import (
    CHARACTERS,
    EditCounts,
    edit_counts,
    filled_references,
    in_blocks,
    no_filled_reference,
)

THRESHOLD = 0.5
"""A normalised distance of this or more scores 0: a wrong answer, not a misread one."""


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _similarity(counts: EditCounts) -> float:
    distance = counts.errors / max(counts.reference_length, counts.prediction_length)
    return 1 - distance if distance < THRESHOLD else 0.0


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the mean over samples of the best similarity over references."""
    values = [value for block in in_blocks(examples) for value in _best_similarities(block)]
    return [Score("anls", "ANLS", mean(values), higher_is_better=True)]


def _best_similarities(examples: Sequence[Example]) -> Iterator[float]:
    pairs = [
        (position, _plain(reference), _plain(example.prediction))
        for position, example in enumerate(examples)
        for reference in filled_references(example)
    ]
    counts = edit_counts([pair[1] for pair in pairs], [pair[2] for pair in pairs], CHARACTERS)
    similarities = zip((pair[0] for pair in pairs), map(_similarity, counts), strict=True)
    for _, group in groupby(similarities, key=itemgetter(0)):
        yield max(similarity for _, similarity in group)


METRIC = Metric(
    name="anls",
    definition=(
        "ANLS: 1 - Levenshtein distance / length of the longer text, 0 where that quotient is "
        "0.5 or more, after lower-casing and single spaces; the best reference counts."
    ),
    problem=no_filled_reference,
    scores=scores,
)
