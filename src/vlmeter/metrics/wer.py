"""Word error rate, and the figures beside it which show how far it can be read.

WER is unbounded: against one-word references a sentence gives a rate of its own length. MER and
the per-sample median stay readable there, so they are always reported too.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np

from vlmeter.metrics.base import Example, Metric, Score, mean, median, ratio
from vlmeter.metrics.text import WORDS, EditCounts, edit_counts, in_blocks, words


def problem(example: Example) -> str | None:
    """Return why a sample has no word error rate, or None."""
    if not example.references:
        return "no reference"
    if any(words(reference) for reference in example.references):
        return None
    if any(reference.strip() for reference in example.references):
        return "empty reference: nothing is left of it without punctuation"
    return "empty reference"


def best_counts(examples: Iterable[Example]) -> Iterator[tuple[EditCounts, int]]:
    """Yield the edits against each sample's best reference, and how many references were empty.

    The best reference is the one with the lowest error rate; among equals that with the fewest
    errors, then the first. References of which the normalisation leaves nothing are not used.
    """
    for block in in_blocks(examples):
        yield from _best_counts(block)


def _best_counts(examples: Sequence[Example]) -> Iterator[tuple[EditCounts, int]]:
    pairs: list[tuple[int, str, str]] = []
    empty: list[int] = []
    for position, example in enumerate(examples):
        prediction = " ".join(words(example.prediction))
        references = [" ".join(words(reference)) for reference in example.references]
        pairs.extend((position, reference, prediction) for reference in references if reference)
        empty.append(references.count(""))
    counts = edit_counts([pair[1] for pair in pairs], [pair[2] for pair in pairs], WORDS)
    positions = [pair[0] for pair in pairs]
    by_sample = groupby(zip(positions, counts, strict=True), key=itemgetter(0))
    for (_, group), without in zip(by_sample, empty, strict=True):
        yield min((count for _, count in group), key=_rank), without


def _rank(counts: EditCounts) -> tuple[float, int]:
    return counts.rate, counts.errors


def scores(examples: Collection[Example]) -> list[Score]:
    """Return corpus WER, its per-sample mean and median, and the match error rate."""
    best = np.fromiter(
        ((*counts, without) for counts, without in best_counts(examples)),
        dtype=np.dtype((np.float64, 5)),
        count=len(examples),
    )
    errors, hits, lengths, _, without = best.T
    rates = errors / lengths
    empty = int(without.sum())
    note = f"{empty} empty references among several were not used" if empty else None
    return [
        Score("wer", "WER", ratio(errors, lengths), higher_is_better=False, note=note),
        Score("wer_mean", "WER, mean of samples", mean(rates), higher_is_better=False),
        Score("wer_median", "WER, median of samples", median(rates), higher_is_better=False),
        Score("mer", "MER", ratio(errors, errors + hits), higher_is_better=False),
    ]


METRIC = Metric(
    name="wer",
    definition=(
        "WER: word errors over reference words, both summed over the samples, by jiwer after "
        "lower-casing, removing punctuation and splitting at white space; of several references "
        "the one with the lowest rate counts (equal rates: the fewest errors, then the first). "
        "MER: the same errors over errors and hits, from 0 to 1."
    ),
    problem=problem,
    scores=scores,
)
