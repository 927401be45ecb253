"""Checkpoints that come quantised are loaded as they are, or refused with what they lack."""

import json
import shutil
from types import SimpleNamespace

import pytest
import tiny_families
import torch
from job_factory import get_optimization
from stored_data import make_model_job
from transformers import AutoModelForImageTextToText, TorchAoConfig

from vlmeter.measure.flops.count import count_flops
from vlmeter.models.load import find_dtypes_in_use, load_model
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.optimization import EAGER
from vlmeter.models.prepare_model import prepare_model
from vlmeter.models.prequantized import (
    StoredQuantization,
    describe_stored,
    find_stored_quantization,
)
from vlmeter.models.quantization import is_quantized, name_weight_classes
from vlmeter.models.tracing import expose_matmuls
from vlmeter.status import UnsupportedError


def write_config(folder, target, **values):
    shutil.copytree(folder, target)
    config = json.loads((target / "config.json").read_text("utf-8"))
    (target / "config.json").write_text(json.dumps({**config, **values}), "utf-8")
    return target


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    """The folder of a tiny checkpoint with plain weights."""
    folder = tmp_path_factory.mktemp("checkpoint") / "llava"
    tiny_families.write_checkpoint("llava", folder)
    return folder


@pytest.fixture(scope="module")
def packed(llava, tmp_path_factory):
    """The manifest of the same in 8 bits but for its vision tower, by torchao; fetched in fp32."""
    from torchao.quantization import Int8WeightOnlyConfig

    folder = tmp_path_factory.mktemp("packed")
    shutil.copytree(llava, folder / "source", ignore=shutil.ignore_patterns("*.safetensors"))
    model = AutoModelForImageTextToText.from_pretrained(
        llava,
        dtype=torch.float32,
        quantization_config=TorchAoConfig(
            Int8WeightOnlyConfig(), modules_to_not_convert=["model.vision_tower", "lm_head"]
        ),
    )
    model.save_pretrained(folder / "source")
    prepare_model(make_model_job(folder / "source", "fp32"), folder / "stored.json")
    return folder / "stored.json"


@pytest.fixture(scope="module")
def load_packed(packed):
    def load_it(optimization="eager"):
        asked = get_optimization(optimization)
        folder = packed.with_suffix("")
        return load_model(folder, "cpu", "fp32", asked, random=False, seed=0)

    return load_it


@pytest.fixture(scope="module")
def model(load_packed):
    return load_packed()


@pytest.fixture(scope="module")
def plain(llava):
    return load_model(llava, "cpu", "fp32", random=False, seed=0)


FORM = "torchao, Int8WeightOnlyConfig"


def test_what_comes_quantised_is_stored_and_loaded_as_it_is(packed, model, plain):
    stored = read_model_manifest(packed)
    source = packed.parent / "source/model.safetensors"
    assert (packed.with_suffix("") / source.name).read_bytes() == source.read_bytes()
    assert stored.parameters == sum(it.numel() for it in plain.model.parameters())
    assert model.quantization.came_quantized == FORM
    assert model.quantization.library.startswith("torchao 0.")
    stages = model.quantization.stages
    kinds = {stage: (it.kind, it.layers > 0) for stage, it in stages.items()}
    assert kinds == {
        "vision": (None, False),
        "connector": (FORM, True),
        "prefill": (FORM, True),
    }
    formats = find_dtypes_in_use(model.model, model.family, model.quantization)
    assert FORM in formats["prefill"]
    assert formats["vision"] == "float32"
    assert model.dtype == torch.float32


@pytest.mark.parametrize(
    ("words", "error"),
    [("no kernel for this layout", UnsupportedError), ("CUDA out of memory", RuntimeError)],
)
def test_what_cannot_be_unpacked_is_unsupported(load_packed, monkeypatch, words, error):
    def refuse(*arguments, **options):
        raise RuntimeError(words)

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", refuse)
    with pytest.raises(error, match=words):
        load_packed()


def test_what_comes_quantised_is_not_quantised_again(load_packed):
    with pytest.raises(UnsupportedError) as raised:
        load_packed("int4")
    assert str(raised.value) == (
        "int4: the model comes quantised (torchao, Int8WeightOnlyConfig): take an optimisation "
        "without quantization"
    )


def test_the_work_of_packed_layers_is_counted_and_they_come_back(model, plain):
    inputs = {"input_ids": torch.tensor([[5, 6, 7]]), "attention_mask": torch.ones(1, 3).long()}
    with torch.inference_mode():
        before = model.model(**inputs).logits
    with expose_matmuls(model):
        counted = count_flops(model.model, inputs, model.family.stage_of, 1)
    assert counted.flops == count_flops(plain.model, inputs, plain.family.stage_of, 1).flops
    with torch.inference_mode():
        assert torch.equal(model.model(**inputs).logits, before)


class PackedLinear(torch.nn.Linear):
    """As bitsandbytes makes its layers: packed bytes of another shape, and a forward of its own."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        packed = torch.ones(inputs * outputs // 2, 1, dtype=torch.uint8)
        self.weight = torch.nn.Parameter(packed, requires_grad=False)

    def forward(self, x):
        return self.weight.sum() * x.new_ones(*x.shape[:-1], self.out_features)


def test_layers_of_a_package_s_own_kind_are_counted_as_products_and_come_back():
    net = torch.nn.Sequential(PackedLinear(4, 6), PackedLinear(6, 2))
    hooked = net[1].forward = lambda x: PackedLinear.forward(net[1], x)
    loaded = SimpleNamespace(model=net, optimization=EAGER, dtype=torch.float32)
    before = net(torch.ones(3, 4))
    with expose_matmuls(loaded):
        inside = net(torch.ones(3, 4))
        assert [tuple(layer.weight.shape) for layer in net] == [(6, 4), (2, 6)]
        # Of nothing but zeros only the bias is left.
        assert torch.equal(inside, net[1].bias.expand(3, 2))
    assert torch.equal(net(torch.ones(3, 4)), before)
    assert "forward" not in vars(net[0])
    assert net[1].forward is hooked


class OtherLinear(torch.nn.Module):
    """As gptqmodel makes its layers: no weight, but packed integers in buffers, and no bias."""

    in_features, out_features = 8, 6

    def __init__(self):
        super().__init__()
        self.register_buffer("qweight", torch.ones(1, 6, dtype=torch.int32))
        self.register_buffer("scales", torch.ones(1, 6))

    def forward(self, x):
        return self.scales * x.new_ones(*x.shape[:-1], 6)


def test_layers_that_keep_no_weight_are_quantised_counted_and_come_back():
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), OtherLinear())
    assert [is_quantized(layer) for layer in net] == [False, True]
    assert name_weight_classes(net, ["1"]) == ["OtherLinear"]
    loaded = SimpleNamespace(model=net, optimization=EAGER, dtype=torch.float32)
    inputs = {"input": torch.ones(3, 4)}
    with expose_matmuls(loaded):
        counted = count_flops(Called(net), inputs, {}, 1)
    assert counted.flops == 2 * 3 * (4 * 8 + 8 * 6)
    assert torch.equal(net(torch.ones(3, 4)), torch.ones(3, 6))
    assert not hasattr(net[1], "weight")
    assert "forward" not in vars(net[1])


class Called(torch.nn.Module):
    """A model's arguments and outputs around a net."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, input, **options):
        return (self.net(input),)


@pytest.mark.parametrize(
    "module", [torch.nn.Embedding(4, 2), torch.nn.ReLU(), torch.nn.BatchNorm1d(2)]
)
def test_what_multiplies_no_matrix_is_not_quantised(module):
    assert not is_quantized(module)


def test_formats_of_layers_that_keep_no_weight_are_what_the_checkpoint_names():
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), OtherLinear())
    family = SimpleNamespace(stage_of=lambda name: "prefill" if name.startswith("1") else "vision")
    stored = StoredQuantization("gptq", "gptq, 4 bits", {})
    described = describe_stored(net, family, stored)
    assert described.stages["prefill"].layers == 1
    assert find_dtypes_in_use(net, family, described) == {
        "prefill": "gptq, 4 bits",
        "vision": "float32",
    }


NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
MISSING = [
    (
        {"quant_method": "bitsandbytes", "load_in_4bit": True},
        "bitsandbytes, 4 bits",
        "run `make setup-quantized` and run again",
    ),
    ({"quant_method": "awq", "bits": 4}, "awq, 4 bits", "run `pip install gptqmodel`"),
    ({"quant_method": "gptq", "bits": 3}, "gptq, 3 bits", "run `pip install optimum gptqmodel`"),
    (
        {
            "quant_method": "compressed-tensors",
            "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
        },
        "compressed-tensors, 8 bits",
        "run `make setup-quantized` and run again",
    ),
    # Not in a table of ours: by the words of transformers.
    ({"quant_method": "quanto"}, "quanto", "run `pip install optimum-quanto`"),
    ({"quant_method": "later"}, "later", "Unknown quantization type, got later"),
]


@pytest.mark.parametrize(("settings", "form", "remedy"), MISSING)
def test_a_package_that_is_missing_is_named_before_weights_are_read(
    llava, tmp_path, settings, form, remedy
):
    folder = write_config(llava, tmp_path / "m", quantization_config=settings)
    (folder / "model.safetensors").write_bytes(b"no weights")
    prepare_model(make_model_job(folder, "fp32"), tmp_path / "stored.json")
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
        (
            {"quantization_config": {**NF4, "quant_method": "bitsandbytes"}},
            "bitsandbytes, nf4, 4 bits",
        ),
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
