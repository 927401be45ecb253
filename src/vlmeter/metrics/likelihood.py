"""Multiple choice accuracy by the likelihood of each option under the model.

This is the fair protocol for a base language model, which was not trained to answer with a letter:
Brown et al., 2020 (arXiv 2005.14165), section 2.4, with the likelihood per token.
"""

import math
from collections.abc import Collection, Sequence

from vlmeter.metrics import multiple_choice
from vlmeter.metrics.base import Example, Metric, Score, mean


def problem(example: Example) -> str | None:
    """Return why a sample's options cannot be ranked, or None."""
    if reason := multiple_choice.problem(example):
        return reason
    if example.option_scores is None:
        return "no option scores"
    if len(example.option_scores) != len(example.choices):
        return f"{len(example.option_scores)} option scores for {len(example.choices)} options"
    if any(math.isnan(score) for score in example.option_scores):
        return "an option score is not a number"
    return None


def unsuited(examples: Collection[Example]) -> str | None:
    """Return why a data set's options cannot be ranked, or None."""
    if not examples or any(example.option_scores is not None for example in examples):
        return None
    return "the predictions carry no option scores"


def compute_credit(option_scores: Sequence[float], answer_index: int) -> float:
    """Return 1 if the right option is the likeliest, 1 / n if n options tie with it, else 0."""
    best = max(option_scores)
    if option_scores[answer_index] < best:
        return 0.0
    return 1 / sum(score == best for score in option_scores)


def scores(examples: Collection[Example]) -> list[Score]:
    """Return the accuracy of the likeliest option."""
    values = [
        compute_credit(example.option_scores, example.answer_index)
        for example in examples
        if example.option_scores is not None and example.answer_index is not None
    ]
    label = "Accuracy, likeliest option"
    return [
        Score("accuracy_likelihood", label, mean(values), higher_is_better=True, counts_right=True)
    ]


METRIC = Metric(
    name="accuracy_likelihood",
    definition=(
        "Accuracy, likeliest option: the right option has the highest mean log-likelihood of its "
        "tokens after the prompt, whatever the model wrote; tied options share the point."
    ),
    problem=problem,
    scores=scores,
    unsuited=unsuited,
)
