"""Text normalisations and edit counts that several metrics share."""

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import jiwer

from vlmeter.metrics.base import Example

_REMOVE_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


class _WithoutPunctuation(dict[int, int | None]):
    """A translation table that is filled with each character when it is first looked up."""

    def __missing__(self, code: int) -> int | None:
        translation = None if unicodedata.category(chr(code)).startswith("P") else code
        self[code] = translation
        return translation


_REMOVE_PUNCTUATION = _WithoutPunctuation()

# Texts are normalised before jiwer sees them: its own RemovePunctuation searches for 800 characters
# in turn, which takes longer than the scoring.
WORDS = jiwer.ReduceToListOfListOfWords()
CHARACTERS = jiwer.ReduceToListOfListOfChars()


def split_words(text: str) -> list[str]:
    """Split a text into words at white space, in lower case and without Unicode punctuation."""
    return text.lower().translate(_REMOVE_PUNCTUATION).split()


_SCRIPTS_WITHOUT_SPACES = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Chinese characters
    "\U00020000-\U0003ffff"
    "]"
)


def note_missing_spaces(examples: Iterable[Example]) -> str | None:
    """Return a note for a figure that counts words, where references have no spaces between them.

    Such a reference is one word or few, so that a single wrong character is a wrong text.
    """
    count = sum(
        any(_SCRIPTS_WITHOUT_SPACES.search(reference) for reference in example.references)
        for example in examples
    )
    if not count:
        return None
    return (
        f"samples whose references are in a script without spaces between words: {count}; a word "
        "is a whole phrase there, so read CER instead"
    )


def normalise_squad(text: str) -> str:
    """Lower-case, drop ASCII punctuation and English articles, and collapse white space.

    The normalisation of the SQuAD evaluation (Rajpurkar et al., 2016, arXiv 1606.05250).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_REMOVE_ASCII_PUNCTUATION)).split())


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


_BLOCK_SAMPLES = 512
"""Samples whose alignments are in memory at once; those of a whole data set might not fit."""


def split_into_blocks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    """Yield the samples in blocks, since jiwer counts the edits of many texts at once."""
    remaining = iter(examples)
    while block := list(islice(remaining, _BLOCK_SAMPLES)):
        yield block


def count_edits(
    references: Sequence[str], predictions: Sequence[str], transform: jiwer.AbstractTransform
) -> list[EditCounts]:
    """Count the edits of each pair of texts by jiwer's alignment.

    Args:
        references: the reference of each pair.
        predictions: the prediction of each pair.
        transform: the unit of an edit: `WORDS` (split at spaces) or `CHARACTERS`.
    """
    if not references:
        return []
    output = jiwer.process_words(list(references), list(predictions), transform, transform)
    return [
        _sum_edits(chunks, len(reference), len(prediction))
        for chunks, reference, prediction in zip(
            output.alignments, output.references, output.hypotheses, strict=True
        )
    ]


def _sum_edits(
    chunks: Sequence[jiwer.AlignmentChunk], reference_length: int, prediction_length: int
) -> EditCounts:
    hits = sum(chunk.ref_end_idx - chunk.ref_start_idx for chunk in chunks if chunk.type == "equal")
    errors = sum(
        max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        for chunk in chunks
        if chunk.type != "equal"
    )
    return EditCounts(errors, hits, reference_length, prediction_length)


def select_filled_references(example: Example) -> list[str]:
    """Return the references that are not only white space."""
    return [reference for reference in example.references if reference.strip()]


def explain_no_reference(example: Example) -> str | None:
    """Return why a sample has no usable reference, or None."""
    if not example.references:
        return "no reference"
    return None if select_filled_references(example) else "empty reference"
