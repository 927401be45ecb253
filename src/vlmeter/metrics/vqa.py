"""VQA accuracy as in the official evaluation: agreement with several people's answers.

Definition: Antol et al., 2015 (arXiv 1505.00468), https://visualqa.org/evaluation.html, with the
answer normalisation of the EvalAI server, which TextVQA's leaderboard uses. Its flaws are kept,
because figures would not be comparable without them; a comment names each.
"""

import re
from collections.abc import Collection, Sequence

from vlmeter.metrics.base import Example, Metric, Score, mean

OFFICIAL_ANSWERS = 10
MINIMUM_ANSWERS = 4
"""With fewer answers even full agreement scores below 1, since each answer is left out in turn."""

_NUMBER_WORDS = "zero one two three four five six seven eight nine ten"
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split())} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})
# The official list also has the comma and the question mark, but both are removed before. So its
# rule for commas in numbers never applies.
_PUNCTUATION = ';/[]"{}()=+\\_-><@`!'
# The official pattern has a mistyped look-behind that never fails, so a period is removed unless a
# digit follows it. A flag is passed in place of a count, so at most 32 periods are removed.
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS_REMOVED = 32

_CONTRACTIONS = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've
might've mustn't must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've
shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd someone'd've someone'll
someone's something'd something'd've something'll that's there'd there'd've there're there's they'd
they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've
when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't
would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
"""


def _map_misspellings(contractions: Sequence[str]) -> dict[str, str]:
    """Map each contraction without one of its apostrophes to the contraction."""
    return {
        form[:index] + form[index + 1 :]: form
        for form in contractions
        for index, character in enumerate(form)
        if character == "'"
    }


# The only entry of the official table that removes an apostrophe.
_SPELLINGS = _map_misspellings(_CONTRACTIONS.split()) | {"somebody'd": "somebodyd"}


def normalise_answer(text: str) -> str:
    """Normalise an answer as the EvalAI evaluation does."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    text = text.replace("\n", " ").replace("\t", " ").strip()
    words = (_NUMBERS.get(word, word) for word in _remove_punctuation(text).split())
    return " ".join(_SPELLINGS.get(word, word) for word in words if word not in _ARTICLES)


def _remove_punctuation(text: str) -> str:
    """Remove a mark that is next to a space anywhere in the text; replace others by a space."""
    cleaned = text
    for mark in _PUNCTUATION:
        is_beside_space = f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if is_beside_space else " ")
    return _PERIOD.sub("", cleaned, count=_PERIODS_REMOVED)


def compute_accuracy(prediction: str, answers: Sequence[str]) -> float:
    """Return the mean, over each answer left out in turn, of min(1, matching others / 3).

    Of ten answers 0, 1, 2, 3 and 4 or more matching ones give 0, 0.3, 0.6, 0.9 and 1.
    """
    normalised = normalise_answer(prediction)
    total = len(answers)
    matches = sum(normalise_answer(answer) == normalised for answer in answers)
    # Without a matching answer there is a match less; without any other answer all matches remain.
    points = matches * min(3, matches - 1) + (total - matches) * min(3, matches)
    return points / (3 * total)


def problem(example: Example) -> str | None:
    """Return why a sample has no VQA accuracy, or None."""
    answers = len(example.references)
    if answers >= MINIMUM_ANSWERS:
        return None
    return f"VQA accuracy needs at least {MINIMUM_ANSWERS} answers, this sample has {answers}"


def unsuited(examples: Collection[Example]) -> str | None:
    """Return why a data set has no VQA accuracy, or None."""
    if any(len(example.references) >= MINIMUM_ANSWERS for example in examples) or not examples:
        return None
    return f"needs at least {MINIMUM_ANSWERS} answers per sample (the official data have 10)"


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the mean VQA accuracy."""
    unusual, values = 0, []
    for example in examples:
        unusual += len(example.references) != OFFICIAL_ANSWERS
        values.append(compute_accuracy(example.prediction, example.references))
    note = f"samples with other than {OFFICIAL_ANSWERS} answers: {unusual}" if unusual else None
    return [
        Score(
            "vqa_accuracy",
            "VQA accuracy",
            mean(values),
            higher_is_better=True,
            note=note,
            counts_right=True,
        )
    ]


METRIC = Metric(
    name="vqa_accuracy",
    definition=(
        "VQA accuracy: min(1, matching answers / 3), averaged over leaving out each answer in "
        "turn, after the EvalAI normalisation, as in the official evaluation."
    ),
    problem=problem,
    scores=scores,
    unsuited=unsuited,
)
