"""A model is stored once per number format, exactly as `from_pretrained` would cast it."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from stored_data import make_model_job
from transformers import AutoModelForImageTextToText

from vlmeter.errors import UserError
from vlmeter.machine.dtypes import DTYPES
from vlmeter.models.load import check_files, load_model
from vlmeter.models.manifest import StoredFile, read_model_manifest
from vlmeter.models.prepare_model import prepare_model
from vlmeter.storage.files import file_sha256, file_xxh3, read_json


@pytest.fixture
def fetch(checkpoint, tmp_path):
    """Store a model; return its folder and its manifest."""

    def run(folder=checkpoint, dtype="fp32", weights="pretrained"):
        job = make_model_job(folder, dtype, weights, model="tiny-2.7b")
        manifest = tmp_path / f"models/tiny-2.7b-{dtype}.json"
        prepare_model(job, manifest)
        return manifest.with_suffix(""), read_model_manifest(manifest)

    return run


def tensors(model):
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_what_a_cell_loads_equals_the_source_tensor_for_tensor(fetch, checkpoint, dtype):
    folder, _ = fetch(dtype=dtype)
    stored = load_model(folder, "cpu", dtype, random=False, seed=0).model
    direct = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=DTYPES[dtype])
    wanted, actual = tensors(direct), tensors(stored)
    assert actual.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert actual[name].dtype == tensor.dtype, name
        assert torch.equal(actual[name], tensor), name


def test_half_precision_keeps_the_queries_and_the_qformer(fetch):
    folder, _ = fetch(dtype="fp16")
    model = load_model(folder, "cpu", "fp16", random=False, seed=0).model
    whole = {name for name, tensor in model.named_parameters() if tensor.dtype == torch.float32}
    kept = {
        name
        for name, _ in model.named_parameters()
        if name.split(".")[0] in ("qformer", "query_tokens")
    }
    assert whole == kept
    assert "query_tokens" in kept


def test_the_manifest_has_every_files_size_and_hash(fetch, checkpoint):
    folder, manifest = fetch()
    assert set(manifest.files) == {file.name for file in folder.iterdir()}
    for name, stored in manifest.files.items():
        path = folder / name
        size_bytes = path.stat().st_size
        assert stored == StoredFile(size_bytes, sha256=file_sha256(path), xxh3_128=file_xxh3(path))
    model = AutoModelForImageTextToText.from_pretrained(checkpoint)
    assert manifest.parameters == sum(p.numel() for p in model.parameters())
    assert (manifest.model, manifest.dtype, manifest.revision) == ("tiny-2.7b", "fp32", None)
    assert "unsupported" not in read_json(folder.with_name(f"{folder.name}.json"))


def test_a_cut_or_missing_file_is_noticed_before_it_is_loaded(fetch):
    folder, manifest = fetch()
    check_files(folder, manifest)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError) as raised:
        check_files(folder, manifest)
    assert str(raised.value) == (
        f"{weights} is missing or cut short: delete {folder}.json and run again."
    )
    weights.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors is missing"):
        check_files(folder, manifest)


def test_weights_of_which_one_bit_changed_are_noticed_before_they_are_loaded(fetch):
    folder, manifest = fetch()
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError) as raised:
        check_files(folder, manifest)
    assert str(raised.value) == (
        f"{weights} is damaged: its checksum is not that of what was written; "
        f"delete {folder}.json and run again."
    )


def test_storing_again_replaces_the_folder(fetch, tmp_path):
    folder, _ = fetch()
    (folder / "left over").touch()
    fetch()
    assert not (folder / "left over").exists()
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        "tiny-2.7b-fp32",
        "tiny-2.7b-fp32.json",
    ]


def test_a_source_that_fails_leaves_what_was_stored(fetch, checkpoint, tmp_path):
    folder, manifest = fetch()
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    (broken / "model.safetensors").unlink()
    with pytest.raises(UserError, match="broken cannot be loaded as a vision-language model: "):
        fetch(broken)
    check_files(folder, manifest)
    assert len(list((tmp_path / "models").iterdir())) == 2


def test_a_model_of_several_gpus_that_are_not_there_lies_where_it_can(fetch):
    folder, _ = fetch()
    alone, spread = (
        load_model(folder, "cpu", "fp32", random=False, seed=0, gpus=gpus).model for gpus in (1, 2)
    )
    assert {parameter.device.type for parameter in spread.parameters()} == {"cpu"}
    assert all(map(torch.equal, alone.parameters(), spread.parameters()))


def test_a_folder_without_a_model_is_named(fetch, tmp_path):
    with pytest.raises(UserError) as raised:
        fetch(tmp_path)
    assert str(raised.value) == f"{tmp_path} has no config.json: check models.*.source.path."


def test_damaged_weights_are_named(fetch, checkpoint, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(checkpoint, damaged)
    (damaged / "model.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(UserError, match="damaged cannot be loaded as a vision-language model: "):
        fetch(damaged)


def test_weights_that_are_missing_are_not_made_up(fetch, checkpoint, tmp_path):
    partial = tmp_path / "partial"
    shutil.copytree(checkpoint, partial)
    weights = load_file(partial / "model.safetensors")
    del weights["language_projection.weight"], weights["query_tokens"]
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError) as raised:
        fetch(partial)
    assert str(raised.value) == (
        f"{partial} lacks 2 of the model's weights, language_projection.weight for instance: "
        "they would be random. Give a checkpoint that fits its config.json."
    )


@pytest.mark.parametrize("own_processor", [True, False])
def test_an_architecture_is_stored_without_weights(fetch, checkpoint, tmp_path, own_processor):
    source = tmp_path / "architecture"
    source.mkdir()
    names = [file.name for file in checkpoint.iterdir() if file.suffix == ".json"]
    for name in names if own_processor else ["config.json"]:
        shutil.copy(checkpoint / name, source / name)
    folder, manifest = fetch(source, weights="random")
    assert not list(folder.glob("*.safetensors"))
    model = AutoModelForImageTextToText.from_pretrained(checkpoint)
    assert manifest.parameters == sum(p.numel() for p in model.parameters())
    loaded = load_model(folder, "cpu", "fp32", random=True, seed=0)
    assert not loaded.answers_mean_something
    tokens = loaded.tokenizer("the of and")["input_ids"]
    assert len(tokens) == 4


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_random_weights_are_finite_and_in_the_formats_of_a_real_model(checkpoint, dtype):
    first, same, other = (
        load_model(checkpoint, "cpu", dtype, random=True, seed=seed).model for seed in (0, 0, 1)
    )
    real = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=DTYPES[dtype])
    wanted = {name: tensor.dtype for name, tensor in real.named_parameters()}
    assert {name: tensor.dtype for name, tensor in first.named_parameters()} == wanted
    assert all(torch.isfinite(tensor).all() for tensor in first.parameters())
    assert all(map(torch.equal, first.parameters(), same.parameters()))
    name = "language_model.model.decoder.layers.0.fc1.weight"
    assert not torch.equal(first.get_parameter(name), other.get_parameter(name))


def test_an_unknown_family_without_a_processor_is_refused(fetch, tmp_path):
    source = tmp_path / "architecture"
    source.mkdir()
    (source / "config.json").write_text(json.dumps({"model_type": "llava"}))
    with pytest.raises(UserError, match=r"has no tokenizer\.json"):
        fetch(source, weights="random")
