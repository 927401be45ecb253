"""Word error rate (WER), with figures that show how far it can be trusted.

WER has no upper bound: a sentence against a reference of a single word has a rate of about its
length. The match error rate (MER) and the median over samples stay meaningful there, and the
character error rate (CER) where a text has no spaces between its words. So all are reported.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter

import jiwer
import numpy as np

from vlmeter.metrics.base import Example, FloatArray, Metric, Score, mean, median, ratio
from vlmeter.metrics.text import (
    CHARACTERS,
    WORDS,
    EditCounts,
    count_edits,
    note_missing_spaces,
    split_into_blocks,
    split_words,
)


def problem(example: Example) -> str | None:
    """Return why a sample has no word error rate, or None."""
    if not example.references:
        return "no reference"
    if any(split_words(reference) for reference in example.references):
        return None
    if any(reference.strip() for reference in example.references):
        return "empty reference: nothing is left of it without punctuation"
    return "empty reference"


def count_best_edits(
    examples: Iterable[Example], unit: jiwer.AbstractTransform = WORDS
) -> Iterator[tuple[EditCounts, int]]:
    """Yield each sample's edits against its best reference, and its number of empty references.

    The best reference has the lowest error rate; of equal rates, the fewest errors, then the first
    position. References of which the normalisation leaves no word are empty and not used.

    Args:
        examples: The samples.
        unit: What an edit changes: `WORDS`, or `CHARACTERS` with single spaces between words.
    """
    for block in split_into_blocks(examples):
        yield from _count_best_edits(block, unit)


def _count_best_edits(
    examples: Sequence[Example], unit: jiwer.AbstractTransform
) -> Iterator[tuple[EditCounts, int]]:
    pairs: list[tuple[int, str, str]] = []
    empty: list[int] = []
    for position, example in enumerate(examples):
        prediction = " ".join(split_words(example.prediction))
        references = [" ".join(split_words(reference)) for reference in example.references]
        pairs.extend((position, reference, prediction) for reference in references if reference)
        empty.append(references.count(""))
    counts = count_edits([pair[1] for pair in pairs], [pair[2] for pair in pairs], unit)
    positions = [pair[0] for pair in pairs]
    by_sample = groupby(zip(positions, counts, strict=True), key=itemgetter(0))
    for (_, group), empty_references in zip(by_sample, empty, strict=True):
        yield min((edits for _, edits in group), key=_rank), empty_references


def _rank(counts: EditCounts) -> tuple[float, int]:
    return counts.rate, counts.errors


def _tabulate(examples: Collection[Example], unit: jiwer.AbstractTransform) -> FloatArray:
    """Return a column per sample: the fields of `EditCounts`, then the empty references."""
    rows = ((*counts, empty) for counts, empty in count_best_edits(examples, unit))
    return np.fromiter(chain.from_iterable(rows), dtype=np.float64).reshape(-1, 5).T


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the corpus WER, its mean and median over samples, MER and CER."""
    errors, hits, lengths, _, empty_references = _tabulate(examples, WORDS)
    wrong_characters, _, characters, _, _ = _tabulate(examples, CHARACTERS)
    rates = errors / lengths
    empty = int(empty_references.sum())
    unused = f"empty references among several, not used: {empty}" if empty else None
    note = "; ".join(filter(None, (unused, note_missing_spaces(examples)))) or None
    cer = ratio(wrong_characters, characters)
    return [
        Score("wer", "WER", ratio(errors, lengths), higher_is_better=False, note=note),
        Score("wer_mean", "WER, mean of samples", mean(rates), higher_is_better=False),
        Score("wer_median", "WER, median of samples", median(rates), higher_is_better=False),
        Score("mer", "MER", ratio(errors, errors + hits), higher_is_better=False),
        Score("cer", "CER", cer, higher_is_better=False),
    ]


METRIC = Metric(
    name="wer",
    definition=(
        "WER: word errors over reference words, both summed over the samples, by jiwer after "
        "lower-casing, removing punctuation and splitting at white space; of several references "
        "the one with the lowest rate counts (equal rates: the fewest errors, then the first). "
        "MER: the same errors over errors and hits, from 0 to 1. CER: the same rate in characters, "
        "spaces included."
    ),
    problem=problem,
    scores=scores,
)
