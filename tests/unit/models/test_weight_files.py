"""Pickles and code that comes with weights are opened only where the config allows them by name."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from stored_data import make_model_job
from transformers import AutoModelForImageTextToText

from vlmeter.errors import UserError
from vlmeter.models.load import load_model
from vlmeter.models.prepare_model import prepare_model
from vlmeter.models.weight_files import choose_files
from vlmeter.storage.files import read_json

OWN_CODE = """
from transformers import Blip2Config, Blip2ForConditionalGeneration


class OwnConfig(Blip2Config):
    model_type = "own-blip"


class OwnModel(Blip2ForConditionalGeneration):
    config_class = OwnConfig
"""


@pytest.fixture
def fetch(tmp_path):
    def run(folder, *allow):
        manifest = tmp_path / "models/own-fp32.json"
        prepare_model(make_model_job(folder, allow=allow, model="own"), manifest)
        return manifest.with_suffix("")

    return run


@pytest.fixture
def pickled(checkpoint, tmp_path):
    """The checkpoint with its weights as a pickle."""
    folder = shutil.copytree(checkpoint, tmp_path / "pickled")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


@pytest.fixture
def own_code(checkpoint, tmp_path):
    """The checkpoint as a model that transformers does not know."""
    folder = shutil.copytree(checkpoint, tmp_path / "own_code")
    (folder / "own.py").write_text(OWN_CODE)
    edit_config(
        folder,
        model_type="own-blip",
        architectures=["OwnModel"],
        auto_map={
            "AutoConfig": "own.OwnConfig",
            "AutoModelForImageTextToText": "own.OwnModel",
        },
    )
    return folder


def edit_config(folder: Path, **values) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_pickled_weights_are_refused_with_what_would_allow_them(fetch, pickled):
    with pytest.raises(UserError) as raised:
        fetch(pickled)
    assert str(raised.value) == (
        f"model {pickled} keeps its weights as pickles alone (pytorch_model.bin), and a pickle can "
        "run code when it is opened: give a revision with safetensors, or, if you trust its "
        "makers, add `allow: [pickle]` to models.*.source."
    )


def test_pickled_weights_that_are_allowed_are_stored_as_safetensors(fetch, pickled, checkpoint):
    folder = fetch(pickled, "pickle")

    assert not list(folder.glob("*.bin"))
    wanted = dict(AutoModelForImageTextToText.from_pretrained(checkpoint).named_parameters())
    loaded = load_model(folder, "cpu", "fp32", random=False, seed=0).model
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, wanted[name]), name


def test_a_pickle_that_holds_more_than_weights_is_refused_even_so(fetch, pickled, tmp_path):
    class Harm:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm done",))

    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps(Harm()))

    with pytest.raises(UserError, match="cannot be loaded as a vision-language model"):
        fetch(pickled, "pickle")
    assert not (tmp_path / "harm done").exists()


@pytest.mark.parametrize("file", ["weights.bin", "weights.txt", "../outside.safetensors"])
def test_a_list_of_safetensors_that_names_another_file_is_refused(
    fetch, checkpoint, tmp_path, file
):
    """Whatever is in the list and no safetensors would be opened as a pickle."""
    folder = shutil.copytree(checkpoint, tmp_path / "listed")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / file)
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, file)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    with pytest.raises(UserError) as raised:
        fetch(folder)
    assert f"model.safetensors.index.json names {file}, which is no safetensors file beside it" in (
        str(raised.value)
    )


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_kernels_that_a_config_takes_from_a_repository_are_not_asked_for(
    fetch, checkpoint, tmp_path, key
):
    folder = shutil.copytree(checkpoint, tmp_path / "kernels")
    edit_config(folder, **{key: "maker/kernels"})

    stored = fetch(folder)

    assert "maker/kernels" not in (stored / "config.json").read_text()


def test_code_that_comes_with_weights_is_refused_with_what_would_allow_it(fetch, own_code):
    with pytest.raises(UserError) as raised:
        fetch(own_code)
    assert str(raised.value) == (
        f"model {own_code} brings code of its own (own.OwnConfig), which would run on this "
        "machine: if you have read it and trust it, add `allow: [remote_code]` to models.*.source."
    )


def test_code_that_is_allowed_is_stored_beside_the_weights(fetch, own_code, checkpoint):
    folder = fetch(own_code, "remote_code")

    model = load_model(folder, "cpu", "fp32", random=False, seed=0).model
    assert type(model).__name__ == "OwnModel"
    wanted = dict(AutoModelForImageTextToText.from_pretrained(checkpoint).named_parameters())
    assert {name for name, _ in model.named_parameters()} == set(wanted)


def test_code_in_another_repository_is_refused_even_so(fetch, own_code):
    edit_config(own_code, auto_map={"AutoConfig": "maker/code--own.OwnConfig"})

    with pytest.raises(UserError, match="takes its code from another repository"):
        fetch(own_code, "remote_code")


def test_code_of_a_model_that_transformers_knows_is_not_run(fetch, own_code, checkpoint):
    edit_config(own_code, model_type="blip-2")

    folder = fetch(own_code)

    assert not list(folder.glob("*.py"))
    assert read_json(folder / "config.json")["model_type"] == "blip-2"


@pytest.mark.parametrize("text", ["{", "[]", "[" * 10_000])
def test_a_config_that_is_none_is_reported(fetch, checkpoint, tmp_path, text):
    folder = shutil.copytree(checkpoint, tmp_path / "no config")
    (folder / "config.json").write_text(text)

    with pytest.raises(
        UserError, match=r"no config: its config\.json (is no JSON|holds no JSON object)"
    ):
        fetch(folder)


def test_of_weights_in_two_forms_the_safe_one_is_taken():
    files = [
        "README.md",
        "config.json",
        "merges.txt",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "modeling_own.py",
        "onnx/model.safetensors",
        "pytorch_model-00001-of-00001.bin",
        "training_args.bin",
    ]
    taken = set(files) - {
        "modeling_own.py",
        "onnx/model.safetensors",
        "pytorch_model-00001-of-00001.bin",
        "training_args.bin",
    }
    assert set(choose_files("a", files, [])) == taken
    assert set(choose_files("a", files, ["pickle", "remote_code"])) == taken | {"modeling_own.py"}
