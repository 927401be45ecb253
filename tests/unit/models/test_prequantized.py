"""Checkpoints that come quantised are loaded as they are, or refused with what they lack."""

import json
import shutil

import pytest
import torch
from stored_data import make_model_job
from transformers import AutoModelForImageTextToText, TorchAoConfig

from vlmeter.measure.flops.count import count_flops
from vlmeter.models.fetch_model import fetch_model
from vlmeter.models.load import find_dtypes_in_use
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.prequantized import find_stored_quantization
from vlmeter.models.tracing import expose_matmuls
from vlmeter.status import UnsupportedError


def write_config(folder, target, **values):
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text("utf-8"))
    (target / "config.json").write_text(json.dumps({**config, **values}), "utf-8")
    return target


@pytest.fixture(scope="module")
def packed(checkpoint, tmp_path_factory):
    """The manifest of a checkpoint that torchao packed in 8 bits, fetched in fp32."""
    from torchao.quantization import Int8WeightOnlyConfig

    folder = tmp_path_factory.mktemp("packed")
    shutil.copytree(checkpoint, folder / "source")
    (folder / "source/model.safetensors").unlink()
    model = AutoModelForImageTextToText.from_pretrained(
        checkpoint,
        dtype=torch.float32,
        quantization_config=TorchAoConfig(Int8WeightOnlyConfig()),
    )
    model.save_pretrained(folder / "source")
    fetch_model(make_model_job(folder / "source", "fp32"), folder / "stored.json")
    return folder / "stored.json"


def test_what_comes_quantised_is_stored_and_loaded_as_it_is(packed, loaded, load):
    stored = read_model_manifest(packed)
    source = packed.parent / "source/model.safetensors"
    assert (packed.with_suffix("") / source.name).read_bytes() == source.read_bytes()
    assert stored.parameters == sum(it.numel() for it in loaded.model.parameters())
    model = type(load)(packed.with_suffix(""))()
    assert model.quantization.came_quantized == "torchao, Int8WeightOnlyConfig"
    assert model.quantization.library.startswith("torchao 0.")
    stages = model.quantization.stages
    assert {stage: it.kind for stage, it in stages.items() if it.layers} == dict.fromkeys(
        ("vision", "qformer", "prefill"), "torchao, Int8WeightOnlyConfig"
    )
    formats = find_dtypes_in_use(model.model, model.family, model.quantization)
    assert "torchao, Int8WeightOnlyConfig" in formats["prefill"]
    assert model.dtype == torch.float32


def test_what_comes_quantised_is_not_quantised_again(packed, load):
    with pytest.raises(UnsupportedError) as raised:
        type(load)(packed.with_suffix(""))(optimization="int4")
    assert str(raised.value) == (
        "int4: the model comes quantised (torchao, Int8WeightOnlyConfig): take an optimisation "
        "without quantization"
    )


def test_the_work_of_packed_layers_is_counted_and_they_come_back(
    packed, loaded, load, feeder, items
):
    model = type(load)(packed.with_suffix(""))()
    inputs = feeder.batch(items[:1])
    with torch.inference_mode():
        before = model.model(**inputs).logits
    with expose_matmuls(model):
        counted = count_flops(model.model, inputs, model.family.stage_of)
    assert counted.flops == count_flops(loaded.model, inputs, loaded.family.stage_of).flops
    with torch.inference_mode():
        assert torch.equal(model.model(**inputs).logits, before)


MISSING = [
    (
        {"quant_method": "bitsandbytes", "load_in_4bit": True},
        "bitsandbytes, 4 bits",
        "bitsandbytes",
    ),
    ({"quant_method": "awq", "bits": 4}, "awq, 4 bits", "pip install gptqmodel"),
    ({"quant_method": "gptq", "bits": 3}, "gptq, 3 bits", "pip install optimum"),
    (
        {
            "quant_method": "compressed-tensors",
            "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
        },
        "compressed-tensors, 8 bits",
        "pip install compressed-tensors",
    ),
    ({"quant_method": "later"}, "later", "Unknown quantization type, got later"),
]


@pytest.mark.parametrize(("settings", "form", "remedy"), MISSING)
def test_a_package_that_is_missing_is_named_before_weights_are_read(
    checkpoint, tmp_path, settings, form, remedy
):
    folder = write_config(checkpoint, tmp_path / "m", quantization_config=settings)
    (folder / "model.safetensors").write_bytes(b"no weights")
    fetch_model(make_model_job(folder, "fp32"), tmp_path / "stored.json")
    refusal = read_model_manifest(tmp_path / "stored.json").unsupported
    assert f"comes quantised ({form}): " in refusal
    assert remedy in refusal
    assert not (tmp_path / "stored").exists()


@pytest.mark.parametrize(
    ("config", "form"),
    [
        ({}, None),
        ({"quantization_config": None}, None),
        (
            {"text_config": {"quantization_config": {"quant_method": "gptq", "bits": 4}}},
            "gptq, 4 bits",
        ),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": {"quant_method": "x", "config_groups": {}}}, "x"),
        (
            {"quantization_config": {"load_in_8bit": True, "quant_method": "bitsandbytes"}},
            "bitsandbytes, 8 bits",
        ),
    ],
)
def test_the_form_of_stored_weights_is_read_from_the_config(config, form):
    stored = find_stored_quantization(config)
    assert (stored and stored.form) == form
