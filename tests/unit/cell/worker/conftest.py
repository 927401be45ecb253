"""A tiny BLIP-2 and the files that the rules before a cell leave for it."""

import pytest
from machines import make_machine_job
from stored_data import make_model_job, write_samples
from tiny_model import (
    _one_thread,
    checkpoint,
    feeder,
    items,
    load,
    loaded,
    make_feeder,
    make_items,
    pictures,
)

from vlmeter.cell.job import CellInputs
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.machine.measure_machine import measure_machine
from vlmeter.models.prepare_model import prepare_model

__all__ = [
    "_one_thread",
    "checkpoint",
    "feeder",
    "items",
    "load",
    "loaded",
    "make_feeder",
    "make_items",
    "pictures",
]

QUESTIONS = ("what colour", "is the cat red ? one two", "what is the dog ?", "cat", "dog")


@pytest.fixture(scope="session")
def study(tmp_path_factory, checkpoint, pictures):
    """The folder of a study with its machine, model, samples and images."""
    folder = tmp_path_factory.mktemp("study")
    machine = make_machine_job(("cpu", "bf16"), software={"a": "1"})
    measure_machine(machine, folder / "machine.json")
    prepare_model(make_model_job(checkpoint), folder / "models/tiny-fp32.json")
    samples = folder / "data/photos/samples.parquet"
    rows = [
        {
            "id": f"s{index}",
            "image": picture,
            "question": question,
            "choices": ["cat", "dog", "red one"][:index],
        }
        for index, (question, picture) in enumerate(zip(QUESTIONS, pictures, strict=True))
    ]
    manifest = write_samples(samples, [*rows, {"id": "broken", "image": b"x", "question": ""}])
    images = folder / "data/photos/img28"
    preprocess_images(manifest, 28, images / "images.parquet", images / "images.json")
    return folder


@pytest.fixture(scope="session")
def inputs(study):
    return CellInputs(
        images=study / "data/photos/img28/images.json", model=study / "models/tiny-fp32.json"
    )


@pytest.fixture(scope="session")
def machine(study):
    """The path of the machine's description."""
    return study / "machine.json"
