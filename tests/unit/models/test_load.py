"""A model is loaded as the cell asks, or it is said why not."""

import json
import shutil

import pytest

from vlmeter.models.load import find_attention_in_use, find_dtypes_in_use
from vlmeter.status import UnavailableError, UnsupportedError


def test_flash_attention_is_refused_by_the_software(load):
    with pytest.raises(UnsupportedError, match=r"^flash_attention_2: "):
        load(optimization="flash_attention_2")


def test_a_device_that_is_missing_is_unavailable(load):
    with pytest.raises(UnavailableError):
        load(device="cuda")


def test_int8_in_fp16_is_refused_in_one_sentence(load):
    with pytest.raises(UnsupportedError) as raised:
        load(optimization="int8", dtype="fp16")
    assert str(raised.value) == "int8: torchao's product overflows in fp16: take bf16"
    assert load(optimization="int8", dtype="bf16").quantization.layers > 0


@pytest.mark.parametrize(
    ("optimization", "attention"), [("eager", "eager"), ("sdpa", "sdpa"), ("compile", "eager")]
)
def test_every_stage_runs_with_the_attention_that_was_asked_for(load, optimization, attention):
    loaded = load(optimization=optimization)
    assert find_attention_in_use(loaded.model, loaded.family) == {
        "vision": attention,
        "qformer": attention,
        "prefill": attention,
    }


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("fp32", {"vision": "float32", "qformer": "float32", "prefill": "float32"}),
        ("bf16", {"vision": "bfloat16", "qformer": "bfloat16", "prefill": "bfloat16"}),
        ("fp16", {"vision": "float16", "qformer": "float16, float32", "prefill": "float16"}),
    ],
)
def test_number_formats_are_recorded_as_they_are(load, dtype, expected):
    loaded = load(dtype=dtype)
    assert find_dtypes_in_use(loaded.model, loaded.family) == expected
    assert str(loaded.dtype) == f"torch.{expected['prefill']}"


def test_a_loaded_model_is_ready_to_answer(loaded):
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.tokenizer.padding_side == "left"
    assert (loaded.pad_token_id, loaded.eos_token_ids) == (0, (2,))
    assert loaded.answers_mean_something


def edited(folder, target, file, **changes):
    shutil.copytree(folder, target)
    values = json.loads((target / file).read_text())
    (target / file).write_text(json.dumps({**values, **changes}))
    return target


def test_several_ends_are_all_kept(checkpoint, tmp_path, load):
    config = json.loads((checkpoint / "config.json").read_text())
    text = {**config["text_config"], "eos_token_id": [2, 7]}
    load = type(load)(edited(checkpoint, tmp_path / "m", "config.json", text_config=text))
    assert load().eos_token_ids == (2, 7)


def test_a_model_without_an_end_is_padded_all_the_same(checkpoint, tmp_path, load):
    config = json.loads((checkpoint / "config.json").read_text())
    text = {**config["text_config"], "eos_token_id": None, "pad_token_id": None}
    folder = edited(checkpoint, tmp_path / "m", "config.json", text_config=text)
    loaded = type(load)(folder)()
    assert (loaded.eos_token_ids, loaded.pad_token_id) == ((), 0)


def test_a_broken_model_is_no_question_of_support(checkpoint, tmp_path, load):
    shutil.copytree(checkpoint, tmp_path / "m")
    (tmp_path / "m/config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ValueError, match="no-such-model"):
        type(load)(tmp_path / "m")()
