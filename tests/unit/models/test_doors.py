from types import SimpleNamespace

import pytest

from vlmeter.models.doors import find_door


@pytest.mark.parametrize(
    ("model_type", "auto_map", "door"),
    [
        ("llava", {}, "AutoModelForImageTextToText"),
        ("llava", {"AutoModelForCausalLM": "own.Own"}, "AutoModelForImageTextToText"),
        ("phi4_multimodal", {}, "AutoModelForMultimodalLM"),
        ("own", {"AutoModel": "own.A", "AutoModelForCausalLM": "own.B"}, "AutoModelForCausalLM"),
        ("own", {"AutoConfig": "own.C", "AutoModel": "own.A"}, "AutoModel"),
        ("own", {"AutoModelForImageTextToText": "own.A"}, "AutoModelForImageTextToText"),
    ],
)
def test_a_model_is_entered_by_the_class_that_serves_generation(model_type, auto_map, door):
    config = SimpleNamespace(model_type=model_type, auto_map=auto_map)
    assert find_door(config).__name__ == door


@pytest.mark.parametrize("auto_map", [None, {}, {"AutoConfig": "own.C"}])
def test_a_model_without_a_class_is_refused(auto_map):
    config = SimpleNamespace(model_type="own", auto_map=auto_map)
    with pytest.raises(ValueError, match="its type own is no model for image and text"):
        find_door(config)
