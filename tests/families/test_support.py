"""A model that cannot be measured is named, with what can, before it is fetched."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import transformers
from stored_data import make_model_job
from tiny_families import HERE
from transformers.utils.import_utils import is_torchvision_available

from vlmeter.cell.worker.open_cell import open_cell
from vlmeter.hub.retry import DEFAULT_RETRY_POLICY
from vlmeter.models import hub_files
from vlmeter.models.manifest import read_model_manifest
from vlmeter.models.packages import list_packages
from vlmeter.models.prepare_model import prepare_model
from vlmeter.models.support import PROVED, check_model_type, explain_refusal
from vlmeter.status import UnsupportedError
from vlmeter.storage.files import read_json


def test_what_is_called_proved_is_what_these_tests_prove(checkpoint):
    types = {read_json(checkpoint(name) / "config.json")["model_type"] for name in HERE}
    lent = is_torchvision_available()
    assert types == {name for name in PROVED if ("torchvision" in list_packages(name)) == lent}
    assert [name for name in PROVED if explain_refusal(name)] == []


@pytest.mark.parametrize("model_type", ["qwen2_vl", "smolvlm", "internvl", "gemma4"])
def test_a_part_for_videos_alone_is_no_reason_to_refuse(model_type):
    assert explain_refusal(model_type) is None


@pytest.mark.parametrize(
    ("model_type", "packages"),
    [
        ("llama4", "torchvision"),
        ("mistral3", "torchvision"),
        ("gemma3n", "timm and torchvision"),
        ("phi4_multimodal", "torchvision"),
    ],
)
def test_a_type_that_needs_packages_is_refused_with_how_to_install_them(
    monkeypatch, model_type, packages
):
    monkeypatch.setattr("vlmeter.models.packages.find_spec", lambda _: None)
    with pytest.raises(UnsupportedError) as raised:
        check_model_type("tiny", model_type)
    assert str(raised.value).startswith(
        f"model tiny is of the type {model_type}: it needs {packages}, which "
    )
    assert str(raised.value).endswith("run `make setup-video` and run again")


@pytest.mark.parametrize(
    ("model_type", "reason"),
    [
        ("evolla", "its processor takes no images"),
        ("voxtral", "its processor takes no images"),
        ("pix2struct", "its model takes no text but what its answer begins with"),
        # Donut and TrOCR.
        ("vision-encoder-decoder", "its model takes no text but what its answer begins with"),
    ],
)
def test_a_type_that_does_not_fit_is_refused_for_the_true_reason(model_type, reason):
    assert str(explain_refusal(model_type)).startswith(reason)


def test_a_type_that_answers_no_images_is_named_with_what_does():
    with pytest.raises(UnsupportedError) as raised:
        check_model_type("maker/words", "bert")
    assert str(raised.value) == (
        "model maker/words is of the type bert: transformers "
        f"{transformers.__version__} has no model of it for image and text; types known to work: "
        f"{', '.join(PROVED)}"
    )


def test_a_type_that_the_hub_does_not_state_or_that_brings_its_code_is_let_through():
    check_model_type("maker/any", None)
    check_model_type("maker/own", "own_thing", own_code=True)
    check_model_type("maker/other", "vipllava")


@pytest.fixture
def words(tmp_path):
    """A model of words alone."""
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder


def test_its_cells_are_unsupported_and_the_study_goes_on(words, tmp_path, inputs, job):
    manifest = tmp_path / "models/words-fp32.json"
    prepare_model(make_model_job(words, model="words"), manifest)
    assert read_model_manifest(manifest).files == {}
    with pytest.raises(UnsupportedError, match="words is of the type bert: "):
        open_cell(job().cell, replace(inputs("git"), model=manifest))


def test_on_the_hub_it_is_refused_before_anything_is_fetched(monkeypatch):
    class Api:
        def model_info(self, *_, **__):
            return SimpleNamespace(config={"model_type": "bert"}, siblings=[], sha="0" * 40)

    monkeypatch.setattr(hub_files, "HfApi", Api)
    monkeypatch.setattr(hub_files, "install_client", lambda _: None)

    def accept(model_type):
        check_model_type("maker/words", model_type)

    with pytest.raises(UnsupportedError, match="maker/words is of the type bert"):
        hub_files.fetch_snapshot("maker/words", None, list, DEFAULT_RETRY_POLICY, accept)
