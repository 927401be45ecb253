"""Each metric equals a published implementation, whose outputs are in `published.json`."""

import json
from pathlib import Path

import pytest

from vlmeter.metrics import anls, cider, exact_match, multiple_choice, token_f1, vqa
from vlmeter.metrics.base import Example

PUBLISHED = json.loads((Path(__file__).parent / "published.json").read_text())


def test_cider_d_equals_pycocoevalcap():
    frozen = PUBLISHED["cider_d"]
    examples = [
        Example(str(index), candidate, tuple(references))
        for index, (candidate, references) in enumerate(
            zip(frozen["candidates"], frozen["references"], strict=True)
        )
    ]
    [score] = cider.scores(examples)
    assert score.contributions.per_sample.tolist() == pytest.approx(frozen["scores"], abs=1e-9)
    assert score.contributions.value == pytest.approx(frozen["corpus"], abs=1e-9)


@pytest.mark.parametrize(("text", "normalised"), PUBLISHED["vqa_normalised"])
def test_vqa_normalisation_equals_the_evalai_processor(text, normalised):
    assert vqa.normalise_answer(text) == normalised


@pytest.mark.parametrize(("prediction", "answers", "value"), PUBLISHED["vqa_accuracy"])
def test_vqa_accuracy_equals_lmms_eval(prediction, answers, value):
    assert vqa.compute_accuracy(prediction, answers) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("prediction", "value"), PUBLISHED["letter"])
def test_letter_accuracy_equals_lmms_eval(prediction, value):
    assert (multiple_choice.read_letter(prediction, ["p", "q", "s"]) == 1) == bool(value)


@pytest.mark.parametrize(("prediction", "reference", "exact", "f1"), PUBLISHED["squad"])
def test_exact_match_and_token_f1_equal_the_squad_evaluation(prediction, reference, exact, f1):
    assert exact_match.matches(prediction, reference) == bool(exact)
    assert token_f1.compute_f1(prediction, reference) == pytest.approx(f1, abs=1e-12)


@pytest.mark.parametrize(("prediction", "references", "value"), PUBLISHED["anls"])
def test_anls_equals_the_anls_package(prediction, references, value):
    [score] = anls.scores([Example("a", prediction, tuple(references))])
    assert score.contributions.value == pytest.approx(value, abs=1e-12)
