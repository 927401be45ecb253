"""What a cell asks of the software that executes its model."""

from types import SimpleNamespace

import pytest

from vlmeter.models.optimization import (
    EAGER,
    AttentionByPart,
    Compile,
    Optimization,
    QuantizationByPart,
    check_quantization,
)
from vlmeter.status import UnsupportedError

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


def test_the_connector_is_all_between_the_image_and_the_text():
    asked = QuantizationByPart(text="int4", connector="int8")
    stages = ("vision", "qformer", "connector", "prefill", "other", None)
    assert [asked.of_stage(stage) for stage in stages] == [None, "int8", "int8", "int4", None, None]
    assert asked.kinds == ("int4", "int8")


FP8 = QuantizationByPart(vision="fp8", text="int4")
ADA, HOPPER, AMPERE = (8, 9), (9, 0), (8, 6)
REFUSED = [
    (QuantizationByPart(connector="int8"), "fp16", "cpu", [], "int8: torchao's product overflows"),
    (FP8, "bf16", "cpu", [], "fp8: torchao multiplies fp8 on a GPU alone"),
    (FP8, "bf16", "cuda", [AMPERE], "fp8: the GPU has compute capability 8.6 and no fp8"),
    (FP8, "bf16", "cuda", [HOPPER, AMPERE], "fp8: the GPU has compute capability 8.6"),
    (FP8, "fp16", "cuda", [HOPPER], "fp8: torchao scales by row in bf16 alone, not fp16"),
]


@pytest.mark.parametrize(("asked", "dtype", "device", "capabilities", "words"), REFUSED)
def test_what_a_device_cannot_compute_is_refused(asked, dtype, device, capabilities, words):
    with pytest.raises(UnsupportedError) as raised:
        check_quantization(asked, dtype, device, capabilities)
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("asked", "dtype", "device", "capabilities"),
    [
        (None, "fp16", "cuda", [AMPERE]),
        (FP8, "bf16", "cuda", [ADA, HOPPER]),
        (QuantizationByPart(text="int8"), "bf16", "cpu", []),
        (QuantizationByPart(text="int4"), "fp16", "cpu", []),
    ],
)
def test_what_a_device_computes_is_let_through(asked, dtype, device, capabilities):
    check_quantization(asked, dtype, device, capabilities)
