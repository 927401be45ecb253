"""Multiple choice accuracy from generated text, and the rate of answers without an option."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from string import ascii_uppercase

from vlmeter.metrics.base import Example, Metric, Score, mean

_OUTER_MARKS = " .,;:!?\"'()[]"
_WORD = re.compile(r"[^\s.,;:!?\"'()\[\]{}*#]+")
_ASKED_LETTER = re.compile(
    r"""
    \(\s*(?P<in_brackets>[a-z])\s*\)                # (b)
    | (?<!\S)(?P<before_mark>[a-z])[.:)](?=\s|$)     # b) b. b: where a line or a word begins
    | \b(?:option|choice|answer|letter)(?:\s+is)?    # option b, answer: b, the answer is b
      [\s:*("']+(?P<after_word>[a-z])\b(?!\s+[a-z])   # not "the answer is a dog"
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""The forms in which a letter, of either case, is asked for and given."""
_BLANKED = "text"
"""Stands for each word of an option's text, where only letters are left to be read."""
_ENGLISH_WORDS = frozenset({"A", "I"})
"""Capitals that begin an English phrase: before a word in lower case they are no letter."""


def read_letter(prediction: str, choices: Sequence[str]) -> int | None:
    """Read `b`, `B` or `B. text` as an option: the rule of LLaVA's ScienceQA evaluation."""
    text = prediction.strip()
    letters = ascii_uppercase[: len(choices)]
    if len(text) == 1:
        position = letters.find(text.upper())
    elif text[1:2] == ".":
        position = letters.find(text[0])
    else:
        position = -1
    return position if position >= 0 else None


def read_text(prediction: str, choices: Sequence[str]) -> int | None:
    """Read a prediction that is the text of a single option, but for case and outer marks."""
    text = _normalise(prediction)
    return _get_single(
        [index for index, choice in enumerate(choices) if text == _normalise(choice) != ""]
    )


def infer_option(prediction: str, choices: Sequence[str]) -> int | None:
    """Read the only option that a longer prediction names, by its text or else by its letter.

    As in VLMEvalKit's option matching: a single option's text occurs as whole words, or a single
    option's letter occurs in a form that asks for one or as a capital by itself. Texts come first,
    since a text may hold such a capital: "Solution B" need not be option B. Of texts that overlap
    the longest counts, so that "dark red" does not name "red". A letter outside the text that means
    another option makes the prediction ambiguous, and so does a second text.
    """
    by_text, rest = _find_texts(prediction, choices)
    letters = _find_letters(rest, len(choices))
    if by_text:
        return _get_single(sorted(by_text | letters if letters else by_text))
    return _get_single(sorted(letters))


def _find_texts(prediction: str, choices: Sequence[str]) -> tuple[set[int], str]:
    """Return the options whose texts occur as whole words, and the prediction without them."""
    words = list(_WORD.finditer(prediction))
    lowered = [word.group().lower() for word in words]
    free = [True] * len(words)
    named: set[int] = set()
    texts = [(index, _WORD.findall(choice.lower())) for index, choice in enumerate(choices)]
    texts = [(index, text) for index, text in texts if not _is_letter(text, len(choices))]
    lengths = sorted({len(text) for _, text in texts if text}, reverse=True)
    for length in lengths:
        taken: set[int] = set()
        for start in range(len(words) - length + 1):
            span = range(start, start + length)
            here = {i for i, text in texts if text == lowered[start : start + length]}
            if here and all(free[place] for place in span):
                named |= here
                taken |= set(span)
        for place in taken:
            free[place] = False
    is_free = iter(free)
    return named, _WORD.sub(lambda word: word.group() if next(is_free) else _BLANKED, prediction)


def _is_letter(text: Sequence[str], options: int) -> bool:
    """Say whether an option's text is a letter of an option, which `_find_letters` reads."""
    return len(text) == 1 and text[0].upper() in tuple(ascii_uppercase[:options])


def _find_letters(text: str, options: int) -> set[int]:
    """Return the options whose letters a text gives."""
    letters = ascii_uppercase[:options]
    asked = {
        letters.find(next(filter(None, match.groups())).upper())
        for match in _ASKED_LETTER.finditer(text)
    }
    words = [*_WORD.finditer(text), None]
    alone = {
        letters.find(word.group())
        for word, after in pairwise(words)
        if word and len(word.group()) == 1 and not _begins_phrase(word, after)
    }
    return (asked | alone) - {-1}


def _begins_phrase(word: re.Match[str], after: re.Match[str] | None) -> bool:
    """Say whether a capital is the article or the pronoun before a word of its phrase."""
    if after is None or word.group() not in _ENGLISH_WORDS:
        return False
    return word.string[word.end() : after.start()].isspace() and after.group()[:1].islower()


def read_option(prediction: str, choices: Sequence[str]) -> int | None:
    """Read a prediction that is an option's whole text or letter, else infer the option.

    A letter that is also the whole text of another option is ambiguous, and no option is read.
    """
    whole = [read_text(prediction, choices)]
    if len(prediction.strip()) == 1:
        whole.append(read_letter(prediction, choices))
    options = {option for option in whole if option is not None}
    return _get_single(sorted(options)) if options else infer_option(prediction, choices)


def _normalise(text: str) -> str:
    return " ".join(text.lower().split()).strip(_OUTER_MARKS)


def _get_single(options: Sequence[int]) -> int | None:
    return options[0] if len(options) == 1 else None


def problem(example: Example) -> str | None:
    """Return why a sample's choice cannot be judged, or None."""
    if len(example.choices) < 2:
        return f"multiple choice needs at least 2 options, this sample has {len(example.choices)}"
    if example.answer_index is None:
        return "no answer index"
    if not 0 <= example.answer_index < len(example.choices):
        return f"answer index {example.answer_index} is not one of {len(example.choices)} options"
    return None


_READINGS = (
    ("accuracy", "Accuracy", read_option),
    ("accuracy_letter", "Accuracy, option letter", read_letter),
    ("accuracy_text", "Accuracy, option text", read_text),
    ("accuracy_inferred", "Accuracy, inferred option", infer_option),
)
"""The figures, with the way in which each reads a prediction; the first one is the accuracy."""


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the accuracy by each way of reading, the unparsed rate and the random baseline."""
    right: list[list[float]] = [[] for _ in _READINGS]
    unparsed, baseline = [], []
    for example in examples:
        options = [read(example.prediction, example.choices) for _, _, read in _READINGS]
        for values, option in zip(right, options, strict=True):
            values.append(float(option == example.answer_index))
        unparsed.append(float(options[0] is None))
        baseline.append(1 / len(example.choices))
    accuracies = [
        Score(name, label, mean(values), higher_is_better=True, counts_right=True)
        for (name, label, _), values in zip(_READINGS, right, strict=True)
    ]
    return [
        *accuracies,
        Score("unparsed_rate", "Unparsed", mean(unparsed), higher_is_better=False),
        Score("random_baseline", "Random choice", mean(baseline), higher_is_better=None),
    ]


METRIC = Metric(
    name="accuracy",
    definition=(
        "Accuracy: the option is read from the prediction as its whole text or its letter "
        "(LLaVA's rule), else as the only option that the prediction names, by its text before "
        "its letter; a prediction from which no option can be read, or more than one, counts as "
        "wrong and is in the unparsed rate. Random choice: the mean of 1 / number of options."
    ),
    problem=problem,
    scores=scores,
)
