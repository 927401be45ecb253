"""A model's job goes through plain params, and its manifest through a file, unchanged."""

from dataclasses import asdict, replace

import pytest

from vlmeter.errors import UserError
from vlmeter.models.job import ModelJob, ModelSource
from vlmeter.models.manifest import (
    ModelManifest,
    StoredFile,
    read_model_manifest,
    write_model_manifest,
)
from vlmeter.storage.files import read_json
from vlmeter.storage.typed import from_params

HUB = ModelSource(hub="maker/model", revision="0" * 40, allow=["pickle"])
STORED = ModelManifest(
    model="tiny",
    dtype="fp32",
    source=HUB,
    weights="pretrained",
    revision="0" * 40,
    licence="mit",
    parameters=7,
    files={"model.safetensors": StoredFile(bytes=28, sha256="a", xxh3_128="b")},
)


@pytest.mark.parametrize("source", [HUB, ModelSource(path="models/own")])
def test_the_params_of_a_job_give_the_job(source):
    job = ModelJob("tiny", "fp32", source, "pretrained", software={"torch": "2.13.0"})
    assert from_params(ModelJob, asdict(job)) == job


def test_a_source_is_named_by_its_repository_or_its_folder():
    assert HUB.name == "maker/model"
    assert ModelSource(path="models/own").name == "models/own"


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "tiny-fp32.json"
    write_model_manifest(path, STORED)
    assert read_model_manifest(path) == STORED
    assert list(read_json(path)) == [
        *("model", "dtype", "source", "weights", "revision", "licence", "content"),
        *("parameters", "files"),
    ]


def test_a_model_that_is_not_stored_says_why(tmp_path):
    path = tmp_path / "tiny-fp32.json"
    refused = ModelManifest("tiny", "fp32", HUB, "pretrained", unsupported="of no type")
    write_model_manifest(path, refused)
    assert read_model_manifest(path) == refused
    assert read_json(path)["unsupported"] == "of no type"


def test_the_digest_is_of_the_files_alone():
    assert STORED.digest == replace(STORED, licence=None).digest
    other = {"model.safetensors": StoredFile(bytes=28, sha256="c", xxh3_128="b")}
    assert STORED.digest != replace(STORED, files=other).digest


def test_what_is_no_manifest_is_refused(tmp_path):
    path = tmp_path / "tiny-fp32.json"
    path.write_text("{}")
    with pytest.raises(UserError, match=r"tiny-fp32\.json lacks model: delete it and run again"):
        read_model_manifest(path)
