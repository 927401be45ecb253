"""What a cell asks of the software that executes its model."""

from types import SimpleNamespace

import pytest

from vlmeter.models.optimization import EAGER, AttentionByPart, Compile, Optimization

MIXED = AttentionByPart(vision="sdpa", qformer="eager", text="flex_attention")


@pytest.mark.parametrize(
    ("optimization", "expected"),
    [
        (EAGER, False),
        (Optimization("compile", "sdpa", compile=Compile("default", "regional")), True),
        (Optimization("flex_attention", "flex_attention"), True),
        (Optimization("mixed", MIXED), True),
    ],
)
def test_flex_attention_needs_a_compiler_as_compilation_does(optimization, expected):
    assert optimization.needs_compiler == expected


def test_the_attention_of_parts_is_asked_for_by_the_configs_of_a_model():
    config = SimpleNamespace(sub_configs={"vision_config": None, "text_config": None})
    assert Optimization("mixed", MIXED).attention_for(config) == {
        "": "flex_attention",
        "vision_config": "sdpa",
        "text_config": "flex_attention",
    }


def test_every_stage_that_is_no_part_of_its_own_goes_with_the_text():
    mixed = Optimization("mixed", MIXED)
    stages = ("vision", "qformer", "prefill", "connector")
    assert [mixed.attention_of(stage) for stage in stages] == [
        "sdpa",
        "eager",
        "flex_attention",
        "flex_attention",
    ]
