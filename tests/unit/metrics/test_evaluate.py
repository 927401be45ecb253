import math
from collections.abc import Collection

import pytest

from vlmeter.errors import UserError
from vlmeter.metrics.base import Example, ratio
from vlmeter.metrics.evaluate import BadSample, evaluate
from vlmeter.metrics.registry import TASK_METRICS


def evaluate_by_name(task, *examples):
    evaluation = evaluate(task, examples, seed=0, resamples=50)
    return evaluation, {figure.name: figure for figure in evaluation.figures}


@pytest.mark.parametrize(
    ("task", "task_figures"),
    [
        ("caption", ["cider_d"]),
        ("vqa", ["vqa_accuracy", "exact_match", "token_f1"]),
        ("ocr", ["exact_match", "anls", "token_f1"]),
        (
            "multiple_choice",
            [
                "accuracy",
                "accuracy_letter",
                "accuracy_text",
                "accuracy_inferred",
                "unparsed_rate",
                "random_baseline",
                "accuracy_likelihood",
            ],
        ),
    ],
)
def test_each_task_has_its_figures_even_without_samples(task, task_figures):
    names = ["wer", "wer_mean", "wer_median", "mer", "cer", *task_figures]
    evaluation, by_name = evaluate_by_name(task)
    assert list(by_name) == names
    assert [column.name for column in evaluation.columns] == names
    assert {figure.value for figure in evaluation.figures} == {None}
    assert all(metric.definition in evaluation.definition for metric in TASK_METRICS[task])


def test_a_sample_is_bad_only_for_the_metrics_that_cannot_score_it():
    evaluation, by_name = evaluate_by_name(
        "vqa",
        Example("good", "red", ("red",) * 10),
        Example("marks", "red", ("?!",) * 10),
        Example("few", "red", ("red",)),
        Example("empty", "red", ("",)),
    )
    assert by_name["wer"].scored == 2
    assert by_name["vqa_accuracy"].scored == 2
    assert by_name["exact_match"].scored == 3
    assert evaluation.scored == 1
    assert evaluation.bad_samples == (
        BadSample("marks", "empty reference: nothing is left of it without punctuation", ("wer",)),
        BadSample(
            "few", "VQA accuracy needs at least 4 answers, this sample has 1", ("vqa_accuracy",)
        ),
        BadSample(
            "empty", "VQA accuracy needs at least 4 answers, this sample has 1", ("vqa_accuracy",)
        ),
        BadSample("empty", "empty reference", ("wer", "exact_match", "token_f1")),
    )


def test_a_metric_that_does_not_suit_the_data_set_is_reported_once():
    evaluation, by_name = evaluate_by_name(
        "vqa", Example("1", "red", ("red",)), Example("2", "red", ("blue",))
    )
    assert by_name["vqa_accuracy"].value is None
    assert by_name["vqa_accuracy"].note == (
        "needs at least 4 answers per sample (the official data have 10)"
    )
    assert by_name["exact_match"].value == 0.5
    assert evaluation.bad_samples == ()
    assert evaluation.scored == 2


def test_columns_hold_values_and_weights_in_the_order_of_the_samples():
    evaluation, _ = evaluate_by_name(
        "caption",
        Example("1", "a x", ("a b c",)),
        Example("2", "a", ("",)),
        Example("3", "a", ("b",)),
    )
    wer = evaluation.columns[0]
    assert wer.values == pytest.approx([2 / 3, math.nan, 1.0], nan_ok=True)
    assert wer.weights == pytest.approx([3.0, math.nan, 1.0], nan_ok=True)


def test_an_interval_that_cannot_show_the_uncertainty_is_explained():
    _, by_name = evaluate_by_name("caption", Example("1", "a", ("b",)))
    assert (by_name["wer"].value, by_name["wer"].low, by_name["wer"].high) == (1.0, None, None)
    assert by_name["wer"].note == "one sample: no interval"
    _, by_name = evaluate_by_name("caption", Example("1", "a", ("b",)), Example("2", "a", ("c",)))
    assert (by_name["wer"].low, by_name["wer"].high) == (1.0, 1.0)
    assert by_name["wer"].note == (
        "all samples score the same: the interval has no width, not the uncertainty"
    )


def test_an_unknown_task_is_refused_with_the_existing_ones():
    with pytest.raises(UserError, match=r"'captions' is not known: use one of caption, multiple"):
        evaluate("captions", [], seed=0, resamples=10)


def test_contributions_are_checked():
    with pytest.raises(ValueError, match="finite"):
        ratio([1.0], [0.0])
    with pytest.raises(ValueError, match="finite"):
        ratio([float("nan")], [1.0])
    with pytest.raises(ValueError, match="equally long"):
        ratio([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="no sample"):
        _ = ratio([], []).value


def test_samples_may_be_read_again_at_every_pass():
    class Rereadable(Collection):
        def __init__(self, count):
            self._count = count

        def __len__(self):
            return self._count

        def __contains__(self, example):
            return example in list(self)

        def __iter__(self):
            for n in range(self._count):
                references = (f"a {n % 7} dog", "dogs", "")
                yield Example(str(n), f"a {n % 5} dog", references, ("a", "b"), n % 2)

    for task in TASK_METRICS:
        stored = evaluate(task, Rereadable(1500), seed=0, resamples=20)
        in_memory = evaluate(task, list(Rereadable(1500)), seed=0, resamples=20)
        assert stored.figures == in_memory.figures
        assert stored.bad_samples == in_memory.bad_samples
