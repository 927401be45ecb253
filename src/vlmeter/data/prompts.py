"""From a template and a sample to the text that a model is asked, cut to a length.

What is cut is the question or its context, from the right; the template's own words, an
"Answer:" at the end for instance, always stay.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vlmeter.data.samples import Text

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST_WORD = 30


class TemplateTooLongError(ValueError):
    """What must stay of a prompt has more tokens than the input may have."""


@dataclass(frozen=True)
class Prompt:
    """A text to feed, and whether something was cut from it."""

    text: str
    tokens: int
    """Text tokens, the start token among them."""
    truncated: bool


@dataclass(frozen=True)
class Fit:
    """How much of its texts a sample's prompt keeps: it is made again without a tokenizer."""

    tokens: int
    """Text tokens of the prompt, the start token among them."""
    question: int | None = None
    """Characters kept; None where nothing is cut."""
    context: int | None = None
    """As for the question."""

    def prompt(self, template: str, text: Text) -> Prompt:
        """Return the prompt of the sample that this was found for."""
        kept = Text(
            text.id,
            _cut(text.question, self.question),
            _cut(text.context, self.context),
            text.choices,
        )
        truncated = self.question is not None or self.context is not None
        return Prompt(render(template, kept), self.tokens, truncated)


def _cut(text: str, length: int | None) -> str:
    return text if length is None else text[:length].rstrip()


def render(template: str, text: Text) -> str:
    """Fill a template's fields: the question, its context, and the choices in one of two forms.

    `{choices}` is a line for each, `A. cat`; `{options}` is all in one line, `(A) cat (B) dog`.
    """
    lettered = list(zip(_LETTERS, text.choices, strict=False))
    return template.format(
        question=text.question,
        context=text.context,
        choices="\n".join(f"{letter}. {choice}" for letter, choice in lettered),
        options=" ".join(f"({letter}) {choice}" for letter, choice in lettered),
    )


def fit_prompt(template: str, text: Text, max_tokens: int, count: Callable[[str], int]) -> Fit:
    """Find what a prompt of at most `max_tokens` text tokens can keep.

    The context is cut before the question: it is the lesser loss.

    Args:
        template: With the fields of `render`.
        text: The sample's texts.
        max_tokens: Most text tokens, the tokenizer's start token among them.
        count: Says how many text tokens a rendered prompt has.

    Raises:
        TemplateTooLongError: even without question and context the prompt is too long.
    """

    def fit(question: int | None = None, context: int | None = None) -> Fit:
        """Return what is kept, with the tokens that it has."""
        kept = Fit(0, question, context)
        return replace(kept, tokens=count(kept.prompt(template, text).text))

    whole = fit()
    if whole.tokens <= max_tokens:
        return whole
    if "{context}" not in template:
        return _longest(text.question, fit, text.id, max_tokens)
    if fit(context=0).tokens <= max_tokens:
        return _longest(text.context, lambda length: fit(context=length), text.id, max_tokens)
    return _longest(text.question, lambda length: fit(length, 0), text.id, max_tokens)


def _longest(whole: str, fit: Callable[[int], Fit], name: str, max_tokens: int) -> Fit:
    """Keep as many characters of a field as fit, found by halving."""
    shortest = fit(0).tokens
    if shortest > max_tokens:
        raise TemplateTooLongError(
            f"sample {name}: without question and context its prompt still has {shortest} "
            f"text tokens, more than max_input_len {max_tokens}"
        )
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        if fit(middle).tokens <= max_tokens:
            low = middle
        else:
            high = middle - 1
    kept = fit(_word_end(whole, low))
    # Where a text ends, a shorter one can have more tokens.
    return kept if kept.tokens <= max_tokens else fit(low)


def _word_end(text: str, length: int) -> int:
    """Return the end of the last whole word before `length`: half a word is another word.

    Scripts without spaces have no such end near by; there the cut stays where it is.
    """
    for end in range(length, max(length - _LONGEST_WORD, -1), -1):
        if end in (0, len(text)) or not (text[end - 1].isalnum() and text[end].isalnum()):
            return end
    return length
