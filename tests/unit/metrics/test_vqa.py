import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeter.metrics import vqa
from vlmeter.metrics.base import Example


@pytest.mark.parametrize(
    ("matching", "value"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (5, 1), (10, 1)]
)
def test_matches_among_ten_answers_score_as_in_the_official_evaluation(matching, value):
    answers = ["red"] * matching + ["blue"] * (10 - matching)
    assert vqa.compute_accuracy("red", answers) == pytest.approx(value, abs=1e-15)


def test_at_most_32_periods_are_removed():
    assert vqa.normalise_answer("." * 33) == "."


@given(
    st.sampled_from(["red", "Red.", "2"]),
    st.lists(st.sampled_from(["red", "the red", "two", "2", "blue"]), min_size=4, max_size=10),
    st.randoms(),
)
def test_the_order_of_answers_does_not_matter(prediction, answers, random):
    shuffled = list(answers)
    random.shuffle(shuffled)
    assert vqa.compute_accuracy(prediction, answers) == vqa.compute_accuracy(prediction, shuffled)


@given(st.lists(st.sampled_from(["a b", "c", "d"]), min_size=4, max_size=10))
def test_accuracy_is_the_mean_over_leaving_each_answer_out(answers):
    scores = [
        min(1, (answers[:index] + answers[index + 1 :]).count("c") / 3)
        for index in range(len(answers))
    ]
    assert vqa.compute_accuracy("C", answers) == pytest.approx(sum(scores) / len(scores), abs=1e-12)


def test_a_sample_with_too_few_answers_has_a_reason():
    reason = "VQA accuracy needs at least 4 answers, this sample has 3"
    assert vqa.problem(Example("1", "x", ("a", "b", "c"))) == reason
    assert vqa.problem(Example("1", "x", ("a", "b", "c", "d"))) is None


def test_a_data_set_with_too_few_answers_throughout_is_unsuited():
    few = [Example("1", "x", ("a",)), Example("2", "x", ("b",))]
    reason = "needs at least 4 answers per sample (the official data have 10)"
    assert vqa.unsuited(few) == reason
    assert vqa.unsuited([*few, Example("3", "x", ("a",) * 10)]) is None
    assert vqa.unsuited([]) is None


def test_an_unusual_number_of_answers_is_noted():
    [score] = vqa.scores([Example("1", "c", ("b",) * 4), Example("2", "b", ("b",) * 10)])
    assert score.contributions.per_sample.tolist() == [0.0, 1.0]
    assert score.note == "samples with other than 10 answers: 1"
