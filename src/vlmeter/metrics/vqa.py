"""VQA accuracy as in the official evaluation: agreement with people who did not all agree.

Definition: Antol et al., 2015 (arXiv 1505.00468), https://visualqa.org/evaluation.html, with the
answer normalisation of the EvalAI server, which TextVQA's leaderboard uses. Its oddities are kept,
because figures are only comparable with them; each is named where it stands.
"""

import re
from collections.abc import Collection, Sequence

from vlmeter.metrics.base import Example, Metric, Score, mean

OFFICIAL_ANSWERS = 10
MINIMUM_ANSWERS = 4
"""With fewer answers even full agreement stays below 1, as each answer is left out in turn."""

_NUMBER_WORDS = "zero one two three four five six seven eight nine ten"
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split())} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})
# The official list also has the comma and the question mark, which are gone by then; so its rule
# for commas in numbers never applies.
_PUNCTUATION = ';/[]"{}()=+\\_-><@`!'
# The official pattern has a mistyped look-behind that never fails, so a period goes unless a digit
# follows it. It is also called with a flag in the place of a count, which stops it after 32.
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


def _misspellings(contractions: Sequence[str]) -> dict[str, str]:
    """Map each contraction with one apostrophe left out to the contraction."""
    return {
        form[:index] + form[index + 1 :]: form
        for form in contractions
        for index, character in enumerate(form)
        if character == "'"
    }


# The one entry of the official table that takes an apostrophe away.
_SPELLINGS = _misspellings(_CONTRACTIONS.split()) | {"somebody'd": "somebodyd"}


def normalise_answer(text: str) -> str:
    """Normalise an answer as the EvalAI evaluation does."""
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    text = text.replace("\n", " ").replace("\t", " ").strip()
    words = (_NUMBERS.get(word, word) for word in _without_punctuation(text).split())
    return " ".join(_SPELLINGS.get(word, word) for word in words if word not in _ARTICLES)


def _without_punctuation(text: str) -> str:
    """Drop a mark that touches a space anywhere in the text; make a space of any other."""
    stripped = text
    for mark in _PUNCTUATION:
        dropped = f"{mark} " in text or f" {mark}" in text
        stripped = stripped.replace(mark, "" if dropped else " ")
    return _PERIOD.sub("", stripped, count=_PERIODS_REMOVED)


def accuracy(prediction: str, answers: Sequence[str]) -> float:
    """Return the mean, over each answer left out in turn, of min(1, matching others / 3).

    Of ten answers 0, 1, 2, 3 and 4 or more matching ones give 0, 0.3, 0.6, 0.9 and 1.
    """
    given = normalise_answer(prediction)
    total = len(answers)
    matches = sum(normalise_answer(answer) == given for answer in answers)
    # Leaving out a match leaves one fewer; leaving out any other answer leaves all of them.
    left_out = matches * min(3, matches - 1) + (total - matches) * min(3, matches)
    return left_out / (3 * total)


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
        values.append(accuracy(example.prediction, example.references))
    note = f"{unusual} samples do not have {OFFICIAL_ANSWERS} answers" if unusual else None
    return [Score("vqa_accuracy", "VQA accuracy", mean(values), higher_is_better=True, note=note)]


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
