import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vlmeter.metrics import likelihood
from vlmeter.metrics.base import Example
from vlmeter.metrics.multiple_choice import (
    infer_option,
    problem,
    read_letter,
    read_option,
    read_text,
    scores,
)

CHOICES = ["a red fox", "an owl", "owls and mice"]


@pytest.mark.parametrize(
    ("prediction", "option"),
    [("B", 1), (" b\n", 1), ("C. owls and mice", 2), ("c. owls", None), ("D", None), ("", None)],
)
def test_a_letter_is_read_by_itself_or_before_a_period(prediction, option):
    assert read_letter(prediction, CHOICES) == option


@pytest.mark.parametrize(
    ("prediction", "option"),
    [("An owl.", 1), (" a  RED fox", 0), ("owl", None), ("an owl and a red fox", None), ("", None)],
)
def test_the_text_of_an_option_is_read_whatever_its_case_and_outer_marks(prediction, option):
    assert read_text(prediction, CHOICES) == option


def test_a_text_that_two_options_share_is_no_option():
    assert read_text("same", ["same", "Same.", "other"]) is None


@pytest.mark.parametrize("prediction", ["", ".", "..", " !?"])
def test_nothing_but_marks_is_no_option_not_even_one_of_marks(prediction):
    assert read_text(prediction, ["...", "x"]) is None
    assert read_text(prediction, ["", "x"]) is None


def test_signs_and_points_within_numbers_distinguish_options():
    assert read_text("-5", ["5", "-5"]) == 1
    assert read_text("1.5", ["15", "1.5"]) == 1


@pytest.mark.parametrize(
    ("prediction", "option"),
    [
        ("The answer is (B)", 1),
        ("B or C", None),
        ("It is B, surely B", 1),
        ("A: fox", 0),
        ("A bird sits on a branch", None),
        ("A bird, so B", 1),
        ("this must be a red fox in snow", 0),
        ("a red fox hunts an owl", None),
        ("the bowl", None),
        ("b", None),
    ],
)
def test_the_only_option_that_a_text_names_is_inferred(prediction, option):
    assert infer_option(prediction, CHOICES) == option


SAMPLES = ["neither; their concentrations are the same", "Solution A", "Solution B"]
ANIMALS = ["dog", "cat", "bird"]
COLOURS = ["red", "dark red", "blue"]


@pytest.mark.parametrize(
    ("prediction", "choices", "option"),
    [
        # The option's own text holds a capital that is another option's letter.
        ("It is Solution B", SAMPLES, 2),
        ("The answer is Solution A.", SAMPLES, 1),
        ("Solution B has more", SAMPLES, 2),
        ("sample B", ["sample A", "sample B", "neither"], 1),
        ("Vitamin C", ["Vitamin C", "Vitamin D", "iron"], 0),
        # It follows the article, or the pronoun.
        ("A cat", ANIMALS, 1),
        ("A cat sits", ANIMALS, 1),
        ("I see a bird", [*ANIMALS, *"defghi"], 2),
        # Of texts that overlap the longest counts.
        ("it is dark red", COLOURS, 1),
        ("red or dark red", COLOURS, None),
        # A text of one character is no letter where no option has that letter.
        ("it is 5", ["3", "5", "7"], 1),
        ("x", ["y", "x"], 1),
    ],
)
def test_an_options_text_goes_before_letters_in_it(prediction, choices, option):
    assert read_option(prediction, choices) == option


@pytest.mark.parametrize("prediction", ["B. cat", "(b) cat", "b) cat", "cat (B)", "option b: cat"])
def test_letter_and_text_of_one_option_agree(prediction):
    assert read_option(prediction, ANIMALS) == 1


@pytest.mark.parametrize(
    "prediction", ["A. cat", "(c) dog", "cat and dog", "B or C", "A bird, so B"]
)
def test_what_names_two_options_is_ambiguous_and_unparsed(prediction):
    assert read_option(prediction, ANIMALS) is None
    [rate] = [
        score.contributions.value
        for score in scores([Example("1", prediction, choices=tuple(ANIMALS), answer_index=1)])
        if score.name == "unparsed_rate"
    ]
    assert rate == 1


@pytest.mark.parametrize(
    "prediction", ["b)", "option b", "(b)", "The answer is b", "Answer: b", "B", "**B**", "b: so"]
)
def test_a_letter_is_read_in_the_forms_that_ask_for_one(prediction):
    assert read_option(prediction, ["x", "y", "z"]) == 1


def test_a_letter_that_is_another_options_text_is_ambiguous():
    assert read_option("B", ["B", "x"]) is None
    assert read_option("B", ["x", "B"]) == 1
    assert read_option("an owl", CHOICES) == 1
    assert read_option("surely an owl", CHOICES) == 1
    assert read_option("a bird", CHOICES) is None


@given(st.data())
def test_a_sentence_with_one_options_text_is_that_option(data):
    words = st.text(alphabet="ABCdefgh", min_size=2, max_size=5)
    text = st.lists(words, min_size=1, max_size=3).map(" ".join)
    choices = data.draw(st.lists(text, min_size=2, max_size=5, unique_by=str.lower))
    index = data.draw(st.integers(0, len(choices) - 1))
    # What is part of another option's text names that one too.
    rest = [f" {choice.lower()} " for place, choice in enumerate(choices) if place != index]
    assume(not any(other in f" {choices[index].lower()} " for other in rest))
    for prediction in (choices[index], f"so it is {choices[index]}!", f"{choices[index]}, yes"):
        assert read_option(prediction, choices) == index


def test_accuracies_unparsed_rate_and_baseline_are_computed_together():
    examples = [
        Example("1", "b", choices=("x", "y"), answer_index=1),
        Example("2", "y", choices=("x", "y", "z", "w"), answer_index=1),
        Example("3", "so it is C", choices=("x", "y", "z", "w"), answer_index=2),
        Example("4", "nonsense", choices=("x", "y"), answer_index=0),
        Example("5", "x", choices=("x", "y", "z"), answer_index=0),
    ]
    values = {score.name: score.contributions.value for score in scores(examples)}
    assert values.pop("random_baseline") == pytest.approx((2 / 2 + 2 / 4 + 1 / 3) / 5)
    assert values == {
        "accuracy": 0.8,
        "accuracy_letter": 0.2,
        "accuracy_text": 0.4,
        "accuracy_inferred": 0.6,
        "unparsed_rate": 0.2,
    }


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (Example("1", "B"), "multiple choice needs at least 2 options, this sample has 0"),
        (Example("1", "B", choices=("x", "y")), "no answer index"),
        (
            Example("1", "B", choices=("x", "y"), answer_index=2),
            "answer index 2 is not one of 2 options",
        ),
        (Example("1", "B", choices=("x", "y"), answer_index=0), None),
    ],
)
def test_a_sample_without_options_or_answer_has_a_reason(example, reason):
    assert problem(example) == reason


def make_ranked(*option_scores):
    choices = ("x", "y", "z")
    return Example("1", "", choices=choices, answer_index=1, option_scores=option_scores)


def test_the_likeliest_option_is_the_answer_and_ties_share_the_credit():
    assert likelihood.compute_credit([-3.0, -1.0, -2.0], 1) == 1
    assert likelihood.compute_credit([-3.0, -1.0, -2.0], 0) == 0
    assert likelihood.compute_credit([-1.0, -1.0, -2.0], 1) == 0.5
    [score] = likelihood.scores([make_ranked(-3, -1, -2), make_ranked(0, -1, -2)])
    assert score.contributions.value == 0.5


def test_option_scores_must_fit_the_options():
    assert likelihood.problem(make_ranked(-1, -2, -3)) is None
    assert likelihood.problem(make_ranked(-1, -2)) == "2 option scores for 3 options"
    assert likelihood.problem(make_ranked(-1, math.nan, 0)) == "an option score is not a number"
    without_scores = Example("1", "", choices=("x", "y"), answer_index=1)
    assert likelihood.problem(without_scores) == "no option scores"
    assert likelihood.unsuited([without_scores]) == "the predictions carry no option scores"
    assert likelihood.unsuited([without_scores, make_ranked(-1, -2, -3)]) is None
