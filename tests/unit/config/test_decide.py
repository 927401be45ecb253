"""The limits of recommended settings in the config."""

import copy

import pytest

from vlmeter.config.load import check_config
from vlmeter.errors import UserError
from vlmeter.results.limits import Limits
from vlmeter.study.outline import build_outline
from vlmeter.study.study import Study


def check(values, decide):
    changed = copy.deepcopy(values)
    changed["decide"] = decide
    return check_config(changed, "study.yaml")


def test_a_floor_for_all_data_sets_or_for_one(values):
    costs = {"max_latency_s": 0.1, "max_memory_gb": 16, "max_energy_j": 2.5}
    for floor, of_exams in ((0.7, 0.7), ({"photos": 0.7}, None)):
        limits = build_outline(Study(check(values, {"min_quality": floor, **costs}))).limits
        assert limits.of_dataset("photos") == Limits(0.7, 0.1, 16, 2.5)
        assert limits.of_dataset("exams") == Limits(of_exams, 0.1, 16, 2.5)


def test_without_the_block_nothing_is_asked(values):
    outline = build_outline(Study(check_config(values, "study.yaml")))
    assert outline.limits.of_dataset("photos") == Limits()


@pytest.mark.parametrize(
    ("decide", "words"),
    [
        ({"min_quality": {"fotos": 0.7}}, 'decide.min_quality: "fotos" is not defined'),
        ({"min_quality": "high"}, "decide.min_quality: Input should be a valid number"),
        ({"min_quality": {"photos": "x"}}, "decide.min_quality.photos: Input should be a valid"),
        ({"min_quality": float("nan")}, "decide.min_quality: should be a finite number"),
        ({"min_quality": {"photos": float("inf")}}, "decide.min_quality.photos: should be a fin"),
        ({"max_latency_s": 0}, "decide.max_latency_s: Input should be greater than 0"),
        ({"max_memory_gb": -1}, "decide.max_memory_gb: Input should be greater than 0"),
        ({"max_energy_j": float("inf")}, "decide.max_energy_j: should be a finite number"),
        ({"max_latency": 1}, 'decide: unknown key "max_latency"'),
    ],
)
def test_a_mistake_is_one_sentence_with_its_key(values, decide, words):
    with pytest.raises(UserError) as caught:
        check(values, decide)
    assert str(caught.value).startswith(f"study.yaml: {words}")
    assert len(str(caught.value).splitlines()) == 1
