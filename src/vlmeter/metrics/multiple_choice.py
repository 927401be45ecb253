"""Multiple choice accuracy from generated text, and the rate of answers without an option."""

import re
from collections.abc import Collection, Sequence
from string import ascii_uppercase

from vlmeter.metrics.base import Example, Metric, Score, mean

_OUTER_MARKS = " .,;:!?\"'()[]"
_SEPARATORS = re.compile(r"[\s.,;:!?\"'()\[\]{}*#]+")
_ARTICLE_TOKENS = 3
"""In a text of more tokens, a single "A" is read as the article, not as the option."""


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
    """Read the only option that a longer prediction names, by its letter or else by its text.

    As in VLMEvalKit's option matching: a single option's letter occurs as a capital by itself, or a
    single option's text occurs as whole words.
    """
    tokens = [token for token in _SEPARATORS.split(prediction) if token]
    if len(tokens) > _ARTICLE_TOKENS:
        tokens = [token for token in tokens if token != "A"]
    letters = ascii_uppercase[: len(choices)]
    named = [index for index, letter in enumerate(letters) if letter in tokens]
    if named:
        return _get_single(named)
    text = _join_tokens(prediction)
    return _get_single(
        [
            index
            for index, choice in enumerate(choices)
            if _join_tokens(choice).strip() and _join_tokens(choice) in text
        ]
    )


def read_option(prediction: str, choices: Sequence[str]) -> int | None:
    """Read a prediction as an option: by letter, else as an option's text, else by inference."""
    for read in (read_letter, read_text, infer_option):
        option = read(prediction, choices)
        if option is not None:
            return option
    return None


def _normalise(text: str) -> str:
    return " ".join(text.lower().split()).strip(_OUTER_MARKS)


def _join_tokens(text: str) -> str:
    """Return the tokens between single spaces, so that whole words can be searched for."""
    return f" {' '.join(token for token in _SEPARATORS.split(text.lower()) if token)} "


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
        Score(name, label, mean(values), higher_is_better=True)
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
        "Accuracy: the option is read from the prediction as its letter (LLaVA's rule), else as "
        "the exact text of one option, else as the only option that the text names; a prediction "
        "from which no option can be read counts as wrong and is in the unparsed rate. Random "
        "choice: the mean of 1 / number of options."
    ),
    problem=problem,
    scores=scores,
)
