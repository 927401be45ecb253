"""From a template and a sample to the text that a model is asked, cut to a length.

What is cut is the question or its context, from the right; the template's own words, an
"Answer:" at the end for instance, always stay.
"""

from collections.abc import Callable
from dataclasses import dataclass

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


def fit_prompt(template: str, text: Text, max_tokens: int, count: Callable[[str], int]) -> Prompt:
    """Render a prompt of at most `max_tokens` text tokens.

    The context is cut before the question: it is the lesser loss.

    Args:
        template: With the fields of `render`.
        text: The sample's texts.
        max_tokens: Most text tokens, the tokenizer's start token among them.
        count: Says how many text tokens a rendered prompt has.

    Raises:
        TemplateTooLongError: even without question and context the prompt is too long.
    """
    whole = render(template, text)
    tokens = count(whole)
    if tokens <= max_tokens:
        return Prompt(whole, tokens, truncated=False)
    if "{context}" in template:
        without = Text(text.id, text.question, "", text.choices)
        if count(render(template, without)) <= max_tokens:
            return _longest(template, text, "context", max_tokens, count)
        text = without
    return _longest(template, text, "question", max_tokens, count)


def _longest(
    template: str, text: Text, field: str, max_tokens: int, count: Callable[[str], int]
) -> Prompt:
    """Keep as many characters of `field` as fit, found by halving."""
    whole: str = getattr(text, field)

    def cut(length: int) -> str:
        fields = {name: getattr(text, name) for name in ("id", "question", "context", "choices")}
        fields[field] = whole[:length].rstrip()
        return render(template, Text(**fields))

    shortest = count(cut(0))
    if shortest > max_tokens:
        raise TemplateTooLongError(
            f"sample {text.id}: without question and context its prompt still has {shortest} "
            f"text tokens, more than max_input_len {max_tokens}"
        )
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        if count(cut(middle)) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    kept = cut(_word_end(whole, low))
    if count(kept) > max_tokens:
        # Where a text ends, a shorter one can have more tokens.
        kept = cut(low)
    return Prompt(kept, count(kept), truncated=True)


def _word_end(text: str, length: int) -> int:
    """Return the end of the last whole word before `length`: half a word is another word.

    Scripts without spaces have no such end near by; there the cut stays where it is.
    """
    for end in range(length, max(length - _LONGEST_WORD, -1), -1):
        if end in (0, len(text)) or not (text[end - 1].isalnum() and text[end].isalnum()):
            return end
    return length
