"""What every figure of every metric is called, and which way is better."""

import pytest

from vlmeter.metrics.base import Example
from vlmeter.metrics.evaluate import evaluate
from vlmeter.metrics.registry import TASK_METRICS

LOWER, HIGHER, NEITHER = False, True, None
FIGURES = {
    "wer": ("WER", LOWER),
    "wer_mean": ("WER, mean of samples", LOWER),
    "wer_median": ("WER, median of samples", LOWER),
    "mer": ("MER", LOWER),
    "cer": ("CER", LOWER),
    "cider_d": ("CIDEr-D (no PTB tokenizer)", HIGHER),
    "vqa_accuracy": ("VQA accuracy", HIGHER),
    "exact_match": ("Exact match", HIGHER),
    "token_f1": ("Token F1", HIGHER),
    "anls": ("ANLS", HIGHER),
    "accuracy": ("Accuracy", HIGHER),
    "accuracy_letter": ("Accuracy, option letter", HIGHER),
    "accuracy_text": ("Accuracy, option text", HIGHER),
    "accuracy_inferred": ("Accuracy, inferred option", HIGHER),
    "unparsed_rate": ("Unparsed", LOWER),
    "random_baseline": ("Random choice", NEITHER),
    "accuracy_likelihood": ("Accuracy, likeliest option", HIGHER),
}
COUNTS_RIGHT = {
    *("vqa_accuracy", "exact_match", "accuracy_likelihood"),
    *("accuracy", "accuracy_letter", "accuracy_text", "accuracy_inferred"),
}
"""What the number of right answers, and a right answer's cost, may come from."""


def evaluate_figures(task: str, prediction: str, *option_scores: float):
    example = Example("a", prediction, ("red apple",) * 10, ("red apple", "blue"), 0, option_scores)
    other = Example("b", "a green pear", ("a green pear",) * 10, ("a green pear", "x"), 0, (0, -1))
    return evaluate(task, [example, other], seed=0, resamples=10).figures


@pytest.mark.parametrize("task", TASK_METRICS)
def test_a_figure_has_its_name_and_its_direction(task: str) -> None:
    for figure in evaluate_figures(task, "red apple", -1.0, -2.0):
        assert (figure.label, figure.higher_is_better) == FIGURES[figure.name]


@pytest.mark.parametrize("task", TASK_METRICS)
def test_right_answers_are_counted_by_figures_that_are_shares_of_them(task: str) -> None:
    figures = evaluate_figures(task, "red apple", -1.0, -2.0)
    counting = {figure.name for figure in figures if figure.counts_right}
    assert counting == COUNTS_RIGHT & {figure.name for figure in figures}


@pytest.mark.parametrize("task", TASK_METRICS)
def test_a_right_answer_is_at_the_better_end_of_every_figure(task: str) -> None:
    right = evaluate_figures(task, "red apple", -1.0, -2.0)
    wrong = evaluate_figures(task, "sky", -2.0, -1.0)
    for better, worse in zip(right, wrong, strict=True):
        # Neither answer names an option by its letter, and chance does not depend on answers.
        if better.name not in ("accuracy_letter", "random_baseline"):
            assert (better.value > worse.value) is better.higher_is_better
