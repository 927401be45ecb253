"""Which part of a model does which stage of its work."""

from types import SimpleNamespace

import pytest

from vlmeter.models.families import expected_image_tokens, find_family, image_token_id


def test_every_parameter_of_a_blip2_has_its_stage(loaded):
    parts_by_stage = {}
    for name, _ in loaded.model.named_parameters():
        parts_by_stage.setdefault(loaded.family.stage_of(name), set()).add(name.split(".")[0])
    assert parts_by_stage == {
        "vision": {"vision_model"},
        "qformer": {"query_tokens", "qformer", "language_projection"},
        "prefill": {"language_model"},
    }


def test_what_stands_above_the_stages_has_none(loaded):
    assert loaded.family.stage_of("") is None
    assert loaded.family.stage_of("vision_models.layer") is None


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("model.vision_tower.encoder.layers.0", "vision"),
        ("model.multi_modal_projector.linear_1", "connector"),
        ("model.language_model.layers.0.mlp", "prefill"),
        ("lm_head", "prefill"),
        ("model", None),
    ],
)
def test_other_families_go_by_shared_names(name, stage):
    assert find_family(SimpleNamespace(model_type="llava")).stage_of(name) == stage


def test_the_image_token_goes_by_either_name():
    assert image_token_id(SimpleNamespace(image_token_id=7)) == 7
    assert image_token_id(SimpleNamespace(image_token_index=8)) == 8
    assert image_token_id(SimpleNamespace(image_token_index=None)) is None
    of_sight = SimpleNamespace(image_token_id=9)
    assert image_token_id(SimpleNamespace(vision_config=of_sight)) == 9
    assert image_token_id(SimpleNamespace(image_token_id=7, vision_config=of_sight)) == 7
    assert expected_image_tokens(SimpleNamespace()) is None
    assert expected_image_tokens(SimpleNamespace(num_query_tokens=32)) == 32
