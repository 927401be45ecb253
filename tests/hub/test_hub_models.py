"""A model from the Hub is stored once per number format, as transformers would load it."""

import io
import json

import pytest
import torch
from hubcontent import DEMO
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from vlmeter.errors import UserError
from vlmeter.machine.dtypes import DTYPES
from vlmeter.models.load import load_model

WEIGHTS_SUFFIX = ".safetensors"
PICKLE = "pytorch_model-00001-of-00001.bin"


def list_tensors(model) -> dict[str, torch.Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_the_stored_tensors_equal_those_that_transformers_loads_from_the_hub(model, fetcher, dtype):
    fetcher.fetch_model(model, dtype)
    direct = AutoModelForImageTextToText.from_pretrained(model.name, dtype=DTYPES[dtype])

    folder = fetcher.folder / f"models/tiny-{dtype}"
    stored = load_model(folder, "cpu", dtype, random=False, seed=0).model

    expected, actual = list_tensors(direct), list_tensors(stored)
    assert actual.keys() == expected.keys()
    for name, tensor in expected.items():
        assert actual[name].dtype == tensor.dtype, name
        assert torch.equal(actual[name], tensor), name
    other_dtype = {name.split(".")[0] for name in actual if actual[name].dtype != DTYPES[dtype]}
    assert other_dtype - {"language_model", "vision_model"} == (
        {"qformer", "query_tokens"} if dtype == "fp16" else set()
    )


def test_weights_are_fetched_once_for_all_number_formats_and_pickles_never(hub, model, fetcher):
    for dtype in ("fp32", "bf16", "fp16"):
        fetcher.fetch_model(model, dtype)

    size = sum(len(file.data) for path, file in model.files.items() if WEIGHTS_SUFFIX in path)
    assert hub.count_sent_bytes(model.name, WEIGHTS_SUFFIX) == size
    assert hub.count_sent_bytes(model.name, ".bin") == len(
        model.files["pytorch_model.bin.index.json"].data
    )


def test_the_manifest_names_the_repository_the_commit_and_the_licence(model, fetcher):
    manifest = fetcher.fetch_model(model)

    assert (manifest["revision"], manifest["licence"]) == (model.commit, "mit")
    assert manifest["source"]["hub"] == model.name


def test_the_newest_commit_is_kept_for_the_next_fetch(model, fetcher):
    fetcher.fetch_model(model)
    pin = json.loads((fetcher.folder / "models/tiny-fp32.revision.json").read_text())
    assert (pin["hub"], pin["revision"]) == (model.name, model.commit)


@pytest.fixture
def pickled(model):
    """The model with its weights only as a pickle."""
    model.files = {path: file for path, file in model.files.items() if WEIGHTS_SUFFIX not in path}
    weights = load_file(DEMO / "model/model.safetensors")
    out = io.BytesIO()
    torch.save(weights, out)
    model.put(PICKLE, out.getvalue())
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, PICKLE)}
    model.put("pytorch_model.bin.index.json", json.dumps(index).encode())
    return model


def test_pickles_are_refused_before_they_are_fetched(hub, pickled, fetcher):
    with pytest.raises(UserError) as raised:
        fetcher.fetch_model(pickled)

    assert str(raised.value).startswith(
        f"model {pickled.name} keeps its weights as pickles alone ({PICKLE}), and a pickle can run"
    )
    assert "add `allow: [pickle]` to models.*.source" in str(raised.value)
    assert hub.count_sent_bytes(pickled.name) == 0


def test_pickles_that_are_allowed_are_stored_as_safetensors(pickled, fetcher):
    manifest = fetcher.fetch_model(pickled, allow=["pickle"])

    assert manifest["parameters"] > 0
    assert [name for name in manifest["files"] if not name.endswith(".json")] == [
        "model.safetensors"
    ]


def test_code_beside_the_weights_is_neither_fetched_nor_run(hub, model, fetcher):
    model.put("own.py", b"raise SystemError('this ran')")
    config = json.loads(model.files["config.json"].data)
    places = {"AutoConfig": "own.OwnConfig"}
    model.put(
        "config.json", json.dumps({**config, "model_type": "own", "auto_map": places}).encode()
    )

    with pytest.raises(UserError, match="brings code of its own") as raised:
        fetcher.fetch_model(model)

    assert "add `allow: [remote_code]` to models.*.source" in str(raised.value)
    assert hub.count_sent_bytes(model.name, ".py") == 0
