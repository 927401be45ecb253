"""Text normalisations and edit counts which several metrics share."""

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import jiwer

from vlmeter.metrics.base import Example

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


class _WithoutPunctuation(dict[int, int | None]):
    """A translation table that learns each character the first time it is met."""

    def __missing__(self, code: int) -> int | None:
        kept = None if unicodedata.category(chr(code)).startswith("P") else code
        self[code] = kept
        return kept


_UNPUNCTUATED = _WithoutPunctuation()

# Texts reach jiwer normalised: its own RemovePunctuation looks for 800 characters one by one, which
# takes longer than the scoring.
WORDS = jiwer.ReduceToListOfListOfWords()
CHARACTERS = jiwer.ReduceToListOfListOfChars()


def words(text: str) -> list[str]:
    """Split a text into words: lower case, no Unicode punctuation, at white space."""
    return text.lower().translate(_UNPUNCTUATED).split()


def squad_normalise(text: str) -> str:
    """Lower-case, drop ASCII punctuation and English articles, and collapse white space.

    The normalisation of the SQuAD evaluation (Rajpurkar et al., 2016, arXiv 1606.05250).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


class EditCounts(NamedTuple):
    """Edits that turn a reference into a prediction, in words or in characters."""

    errors: int
    hits: int
    reference_length: int
    prediction_length: int

    @property
    def rate(self) -> float:
        """Errors per unit of the reference."""
        return self.errors / self.reference_length


_BLOCK = 512
"""Samples whose alignments are in memory at once: those of a whole data set would fill it."""


def in_blocks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    """Yield the samples some at a time, for what counts the edits of many texts at once."""
    left = iter(examples)
    while block := list(islice(left, _BLOCK)):
        yield block


def edit_counts(
    references: Sequence[str], predictions: Sequence[str], transform: jiwer.AbstractTransform
) -> list[EditCounts]:
    """Count the edits of each pair of texts by jiwer's alignment.

    Args:
        references: one text per pair.
        predictions: one text per pair.
        transform: what an edit is of: `WORDS` (at spaces) or `CHARACTERS`.
    """
    if not references:
        return []
    output = jiwer.process_words(list(references), list(predictions), transform, transform)
    return [
        _counts(chunks, len(reference), len(prediction))
        for chunks, reference, prediction in zip(
            output.alignments, output.references, output.hypotheses, strict=True
        )
    ]


def _counts(
    chunks: Sequence[jiwer.AlignmentChunk], reference_length: int, prediction_length: int
) -> EditCounts:
    hits = sum(chunk.ref_end_idx - chunk.ref_start_idx for chunk in chunks if chunk.type == "equal")
    errors = sum(
        max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        for chunk in chunks
        if chunk.type != "equal"
    )
    return EditCounts(errors, hits, reference_length, prediction_length)


def filled_references(example: Example) -> list[str]:
    """Return the references that hold more than white space."""
    return [reference for reference in example.references if reference.strip()]


def no_filled_reference(example: Example) -> str | None:
    """Say why a sample without a usable reference cannot be scored."""
    if not example.references:
        return "no reference"
    return None if filled_references(example) else "empty reference"
