"""Prompts: a template filled with a sample's texts and cut to a number of tokens.

The question or its context is cut, from the right. The template's own words, such as "Answer:" at
the end, always stay.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from vlmeter.data.cells import LETTERS
from vlmeter.data.samples import Text

_LONGEST_WORD_CHARS = 30


class TemplateTooLongError(ValueError):
    """The part of a prompt that cannot be cut has more tokens than the input may have."""


@dataclass(frozen=True)
class Prompt:
    """A text for the model, and whether it was cut."""

    text: str
    tokens: int
    """Text tokens, the start token included."""
    truncated: bool


@dataclass(frozen=True)
class Fit:
    """How much of a sample's texts its prompt keeps.

    From it the prompt is made again without a tokenizer.
    """

    tokens: int
    """Text tokens of the prompt, the start token included."""
    question: int | None = None
    """Characters that are kept; None if nothing is cut."""
    context: int | None = None
    """As for the question."""

    def prompt(self, template: str, text: Text) -> Prompt:
        """Return the prompt, from the template and the texts that this was computed for."""
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
    """Fill a template's fields: the question, its context and the choices, in either of two forms.

    `{choices}` gives each choice a line, `A. cat`; `{options}` is a single line, `(A) cat (B) dog`.
    """
    lettered = list(zip(LETTERS, text.choices, strict=False))
    return template.format(
        question=text.question,
        context=text.context,
        choices="\n".join(f"{letter}. {choice}" for letter, choice in lettered),
        options=" ".join(f"({letter}) {choice}" for letter, choice in lettered),
    )


def fit_prompt(template: str, text: Text, max_tokens: int, count: Callable[[str], int]) -> Fit:
    """Find how much of its texts a prompt of at most `max_tokens` text tokens can keep.

    The context is cut before the question, because it matters less.

    Args:
        template: With the fields of `render`.
        text: The sample's texts.
        max_tokens: Limit of the text tokens, the tokenizer's start token included.
        count: Returns the number of text tokens of a rendered prompt.

    Raises:
        TemplateTooLongError: even without question and context the prompt is too long.
    """

    def fit(question: int | None = None, context: int | None = None) -> Fit:
        """Return these lengths with the number of tokens of their prompt."""
        kept = Fit(0, question, context)
        return replace(kept, tokens=count(kept.prompt(template, text).text))

    whole = fit()
    if whole.tokens <= max_tokens:
        return whole
    if "{context}" not in template:
        return _find_longest(text.question, fit, text.id, max_tokens)
    if fit(context=0).tokens <= max_tokens:
        return _find_longest(text.context, lambda length: fit(context=length), text.id, max_tokens)
    return _find_longest(text.question, lambda length: fit(length, 0), text.id, max_tokens)


def _find_longest(field: str, fit: Callable[[int], Fit], sample: str, max_tokens: int) -> Fit:
    """Return the fit with most characters of a field, by bisection."""
    shortest = fit(0).tokens
    if shortest > max_tokens:
        raise TemplateTooLongError(
            f"sample {sample}: without question and context its prompt still has {shortest} "
            f"text tokens, more than max_input_len {max_tokens}"
        )
    low, high = 0, len(field)
    while low < high:
        middle = (low + high + 1) // 2
        if fit(middle).tokens <= max_tokens:
            low = middle
        else:
            high = middle - 1
    kept = fit(_find_word_end(field, low))
    # A shorter text can have more tokens, since its end may join the template differently.
    return kept if kept.tokens <= max_tokens else fit(low)


def _find_word_end(text: str, length: int) -> int:
    """Return the end of the last whole word up to `length`, since half a word is another word.

    Scripts without spaces have no such end nearby; for them the result is `length` itself.
    """
    for end in range(length, max(length - _LONGEST_WORD_CHARS, -1), -1):
        if end in (0, len(text)) or not (text[end - 1].isalnum() and text[end].isalnum()):
            return end
    return length
