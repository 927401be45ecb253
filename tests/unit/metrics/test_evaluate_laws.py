"""Laws of every metric: its bounds, and that the order of samples changes nothing."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeter.metrics.base import Example
from vlmeter.metrics.evaluate import evaluate
from vlmeter.metrics.registry import TASK_METRICS

BOUNDS = {
    "wer": (0, math.inf),
    "wer_mean": (0, math.inf),
    "wer_median": (0, math.inf),
    "mer": (0, 1),
    "cer": (0, math.inf),
    "cider_d": (0, 10),
    "vqa_accuracy": (0, 1),
    "exact_match": (0, 1),
    "token_f1": (0, 1),
    "anls": (0, 1),
    "accuracy": (0, 1),
    "accuracy_letter": (0, 1),
    "accuracy_text": (0, 1),
    "accuracy_inferred": (0, 1),
    "unparsed_rate": (0, 1),
    "random_baseline": (0, 0.5),
    "accuracy_likelihood": (0, 1),
}
"""From what to what each figure can lie."""
WORST_IS_BEST = {"wer", "wer_mean", "wer_median", "mer", "cer", "unparsed_rate"}
WORDS = st.sampled_from(["a", "red", "fox", "12", "B", "the", "it's", "dog."])
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
CHOICES = ("a red fox", "12 dogs", "nothing")


@st.composite
def make_examples(draw):
    return [
        Example(
            id=f"s{place}",
            prediction=draw(TEXTS),
            references=tuple(draw(st.lists(TEXTS, min_size=4, max_size=5))),
            choices=CHOICES,
            answer_index=draw(st.integers(0, 2)),
            option_scores=tuple(draw(st.tuples(*[st.floats(-9, 0)] * 3))),
        )
        for place in range(draw(st.integers(2, 6)))
    ]


@pytest.mark.parametrize("task", TASK_METRICS)
@given(examples=make_examples(), random=st.randoms())
@settings(max_examples=12)
def test_every_figure_lies_within_its_bounds_whatever_the_order(task, examples, random):
    evaluation = evaluate(task, examples, seed=0, resamples=20)
    shuffled = random.sample(examples, len(examples))
    again = evaluate(task, shuffled, seed=0, resamples=20)
    place_of = {example.id: place for place, example in enumerate(shuffled)}
    places = [place_of[example.id] for example in examples]
    for figure, other in zip(evaluation.figures, again.figures, strict=True):
        least, most = BOUNDS[figure.name]
        assert least <= figure.low <= figure.value <= figure.high <= most + 1e-9, figure.name
        assert other.value == pytest.approx(figure.value, abs=1e-12), figure.name
    for column, other in zip(evaluation.columns, again.columns, strict=True):
        assert other.values[places] == pytest.approx(column.values, abs=1e-12, nan_ok=True)
        assert other.weights[places] == pytest.approx(column.weights, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("task", TASK_METRICS)
@given(texts=st.lists(TEXTS, min_size=2, max_size=5), index=st.integers(0, 2))
@settings(max_examples=12)
def test_the_reference_itself_is_never_beaten(task, texts, index):
    def list_values(answers):
        examples = [
            Example(f"s{place}", answer, (text,) * 4, CHOICES, index)
            for place, (answer, text) in enumerate(zip(answers, texts, strict=True))
        ]
        figures = evaluate(task, examples, seed=0, resamples=1).figures
        return {figure.name: figure for figure in figures if figure.value is not None}

    is_choice = task == "multiple_choice"
    best = list_values([CHOICES[index] for _ in texts] if is_choice else texts)
    other = list_values(["nothing of it"] * len(texts))
    for name, figure in best.items():
        # A text that is an option is read as one by its text alone; texts are no references then.
        if figure.higher_is_better is None or name == "accuracy_letter":
            continue
        if is_choice and name in WORST_IS_BEST - {"unparsed_rate"}:
            continue
        sign = 1 if figure.higher_is_better else -1
        assert sign * figure.value >= sign * other[name].value - 1e-12, name
        assert (name in WORST_IS_BEST) == (sign < 0)
        if name != "cider_d":
            assert figure.value == pytest.approx(1 if sign > 0 else 0)
