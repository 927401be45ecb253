"""A cell is opened as its setup says, and not at all where it cannot be."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from job_factory import make_setup

from vlmeter.cell.job import CellInputs
from vlmeter.cell.worker import open_cell as opening
from vlmeter.data.manifests import ImagesManifest
from vlmeter.data.samples import Text
from vlmeter.models.families.prompts import family_prompts
from vlmeter.models.job import ModelSource
from vlmeter.models.manifest import ModelManifest, write_model_manifest
from vlmeter.status import UnavailableError, UnsupportedError
from vlmeter.storage.files import file_sha256, write_json

PIXELS = "native"


SIZES = [(28, 28), (28, 14), (28, 28)]


class Stored:
    """Samples whose images are of two sizes."""

    def __init__(self, samples, images):
        self.samples, self.images = samples, images

    def __len__(self):
        return len(SIZES)

    def read_sizes(self, start, stop):
        return SIZES[start:stop]


class Feeding:
    """Makes a form of an image of its size and of the most tokens that an image may take."""

    most = 0

    def find_form(self, size):
        return size, self.most

    def find_forms(self, sizes):
        return {size: self.find_form(size) for size in sizes}, {}

    def limit_image_tokens(self, most, forms):
        assert list(forms) == SIZES[:2]
        self.most = most


class Opener:
    """Opens a cell whose model is a name, and keeps what it was loaded and fed by."""

    def __init__(self, folder, monkeypatch):
        self.model = folder / "models/tiny-fp32.json"
        self.images = folder / "data/photos/img28/images.json"
        tables = self.images.with_suffix(".parquet"), folder / "data/photos/samples.parquet"
        for table in tables:
            table.parent.mkdir(parents=True, exist_ok=True)
            table.write_bytes(table.name.encode())
        images, samples = map(file_sha256, tables)
        write_json(self.images, asdict(ImagesManifest("photos", 28, samples, 3, [], images)))
        self.calls = []
        monkeypatch.setattr(opening, "StoredSamples", Stored)
        made = {"load_model": "load_model", "Feeder": Feeding(), "check_device": None}
        for name, value in made.items():
            monkeypatch.setattr(opening, name, self.keep(name, value))

    def keep(self, name, value):
        def call(*args, **settings):
            self.calls.append((name, args, settings))
            return value

        return call

    def open(self, cell, weights="pretrained", unsupported=None):
        source = ModelSource(path="tiny")
        manifest = ModelManifest("tiny", "fp32", source, weights, unsupported=unsupported)
        write_model_manifest(self.model, manifest)
        return opening.open_cell(cell, CellInputs(images=self.images, model=self.model))


@pytest.fixture
def opener(tmp_path, monkeypatch):
    return Opener(tmp_path, monkeypatch)


@pytest.mark.parametrize("weights", ["pretrained", "random"])
@pytest.mark.parametrize(("seed", "gpus"), [(3, 2), (7, 1)])
def test_the_model_is_loaded_and_fed_as_the_cell_says(opener, weights, seed, gpus):
    setup = make_setup(device="cuda", dtype="bf16", gpus=gpus, image_input=PIXELS, max_input_len=9)
    cell = replace(setup, seed=seed)
    opened = opener.open(cell, weights)
    assert torch.initial_seed() == seed
    folder = opener.model.with_suffix("")
    as_asked = {"random": weights == "random", "seed": seed, "gpus": gpus}
    assert opener.calls == [
        ("check_device", ("cuda",), {}),
        ("load_model", (folder, "cuda", "bf16", cell.optimization), as_asked),
        ("Feeder", ("load_model", PIXELS, 9, setup.axes.image_size), {}),
    ]
    assert opened.template_of(None) == cell.template
    assert opened.forms == {size: (size, 0) for size in SIZES[:2]}


@pytest.mark.parametrize("chat", [True, False])
def test_a_cell_without_a_template_asks_in_the_family_s_words_for_its_task(
    opener, monkeypatch, chat
):
    processor = SimpleNamespace(chat_template="{{ messages }}" if chat else None)
    loaded = SimpleNamespace(model=SimpleNamespace(config=SimpleNamespace(model_type="x")))
    loaded.processor = processor
    monkeypatch.setattr(opening, "load_model", lambda *_, **__: loaded)
    opened = opener.open(replace(make_setup(), template=None, task="multiple_choice"))
    text = Text("1", "Which?", "", ("a", "b"))
    prompts = family_prompts(loaded.model.config, chat=chat)
    assert opened.template_of(text) == prompts.template("multiple_choice", text)
    assert opened.template_of(text) != prompts.template("vqa", text)


def test_forms_are_those_of_images_that_keep_the_limit_of_tokens(opener):
    opened = opener.open(make_setup(max_image_tokens=64))
    assert opened.forms == {size: (size, 64) for size in SIZES[:2]}


def test_a_device_that_torch_cannot_use_is_noticed_before_the_model_is_loaded(opener, monkeypatch):
    def refuse(device):
        raise UnavailableError(f"no {device}")

    monkeypatch.setattr(opening, "check_device", refuse)
    with pytest.raises(UnavailableError, match="no cpu"):
        opener.open(make_setup())
    assert opener.calls == []


def test_a_model_that_is_stored_as_unsupported_is_not_loaded(opener):
    with pytest.raises(UnsupportedError, match="of no type"):
        opener.open(make_setup(), unsupported="of no type")
    assert [name for name, *_ in opener.calls] == ["check_device"]
