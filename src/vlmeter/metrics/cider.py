"""CIDEr-D: agreement of a caption with several references, in which rare n-grams weigh more.

Vedantam et al., 2015, "CIDEr: Consensus-based Image Description Evaluation" (arXiv 1411.5726),
section 4 and its CIDEr-D variant. The words are those of WER instead of those of the COCO
evaluation's Java tokenizer, so figures differ slightly from those published with it.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from vlmeter.metrics.base import Example, Metric, Score, mean
from vlmeter.metrics.text import note_missing_spaces, split_words
from vlmeter.metrics.wer import problem

LONGEST_NGRAM = 4
SIGMA = 6.0
"""Width of the penalty for a difference in length, in bigrams."""
SCALE = 10.0
_MINIMUM_IMAGES = 2

Ngram = tuple[str, ...]


class _Vector(NamedTuple):
    """The TF-IDF weights of a caption, and their norm, by n-gram length."""

    weights: list[dict[Ngram, float]]
    norms: list[float]
    bigrams: int


def _count_ngrams(tokens: Sequence[str]) -> Counter[Ngram]:
    return Counter(
        tuple(tokens[start : start + length])
        for length in range(1, LONGEST_NGRAM + 1)
        for start in range(len(tokens) - length + 1)
    )


def _weigh_ngrams(ngrams: Counter[Ngram], frequencies: Counter[Ngram], images: int) -> _Vector:
    weights: list[dict[Ngram, float]] = [{} for _ in range(LONGEST_NGRAM)]
    for ngram, count in ngrams.items():
        rarity = math.log(images) - math.log(max(1, frequencies[ngram]))
        weights[len(ngram) - 1][ngram] = count * rarity
    norms = [math.sqrt(sum(weight**2 for weight in table.values())) for table in weights]
    # The reference implementation takes the number of bigrams as the length of a caption.
    bigrams = sum(count for ngram, count in ngrams.items() if len(ngram) == 2)
    return _Vector(weights, norms, bigrams)


def _compute_similarity(candidate: _Vector, reference: _Vector) -> float:
    """Return the clipped cosine similarity, averaged over n-gram lengths, from 0 to 1."""
    total = 0.0
    for weights, reference_weights, norm, reference_norm in zip(
        candidate.weights, reference.weights, candidate.norms, reference.norms, strict=True
    ):
        if norm and reference_norm:
            product = sum(
                min(weight, reference_weights[ngram]) * reference_weights[ngram]
                for ngram, weight in weights.items()
                if ngram in reference_weights
            )
            total += product / (norm * reference_norm)
    difference = candidate.bigrams - reference.bigrams
    return total / LONGEST_NGRAM * math.exp(-(difference**2) / (2 * SIGMA**2))


class Documents:
    """The number of images in whose references each n-gram occurs."""

    def __init__(self, references: Iterable[Sequence[Sequence[str]]]) -> None:
        self.images = 0
        self.frequencies: Counter[Ngram] = Counter()
        for captions in references:
            self.images += 1
            self.frequencies.update(set().union(*map(_count_ngrams, captions)))

    def compute_cider_d(self, candidate: Sequence[str], captions: Sequence[Sequence[str]]) -> float:
        """Return the CIDEr-D of a candidate against an image's captions, from 0 to 10."""
        vector = self._weigh(candidate)
        similarities = [_compute_similarity(vector, self._weigh(caption)) for caption in captions]
        return SCALE * math.fsum(similarities) / len(similarities)

    def _weigh(self, tokens: Sequence[str]) -> _Vector:
        return _weigh_ngrams(_count_ngrams(tokens), self.frequencies, self.images)


def unsuited(examples: Collection[Example]) -> str | None:
    """Return why a data set has no CIDEr-D, or None."""
    usable = (example for example in examples if problem(example) is None)
    if not examples or len(list(islice(usable, _MINIMUM_IMAGES))) == _MINIMUM_IMAGES:
        return None
    return "needs at least 2 images: with one, no n-gram is rarer than another"


def _split_references(example: Example) -> list[list[str]]:
    return [tokens for text in example.references if (tokens := split_words(text))]


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the mean CIDEr-D."""
    documents = Documents(map(_split_references, examples))
    values = [
        documents.compute_cider_d(split_words(example.prediction), _split_references(example))
        for example in examples
    ]
    frequencies = (
        f"n-gram frequencies of the {len(examples)} evaluated images: not comparable with "
        "another sample"
    )
    note = "; ".join(filter(None, (frequencies, note_missing_spaces(examples))))
    label = "CIDEr-D (no PTB tokenizer)"
    return [Score("cider_d", label, mean(values), higher_is_better=True, note=note)]


METRIC = Metric(
    name="cider_d",
    definition=(
        "CIDEr-D: n-grams up to 4, sigma 6, times 10; words as for WER, not by the PTB "
        "tokenizer; document frequencies from the references of the evaluated samples, which "
        "the bootstrap holds fixed."
    ),
    problem=problem,
    scores=scores,
    unsuited=unsuited,
)
