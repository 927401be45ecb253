"""Tiny checkpoints of every family, and what the rules before a cell leave for each."""

import gc
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_families
import torch
from job_factory import get_optimization, make_cell_job
from machines import make_machine_job
from PIL import Image
from stored_data import make_model_job, write_samples

from vlmeter.cell.job import CellInputs
from vlmeter.cell.worker.measure import measure_cell
from vlmeter.cell.worker.workload import prepare_workload
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.machine.measure_machine import measure_machine
from vlmeter.models.prepare_model import prepare_model
from vlmeter.storage.parquet import read_table

QUESTIONS = ("what colour", "is the cat red ? one two", "what is the dog ?", "cat", "dog")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """For so small a model a second thread is only waited for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """The folder of a family's tiny checkpoint, written once."""
    written = {}

    def folder(name):
        if name not in written:
            written[name] = tmp_path_factory.mktemp("checkpoint") / name
            tiny_families.write_checkpoint(name, written[name])
            # The family's modules are imported and stay, as `tests/conftest.py` says of others.
            gc.collect()
            gc.freeze()
        return written[name]

    return folder


def make_picture(seed, width=60, height=40):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


SIZES_PX = ((28, 28), (28, 56), (90, 30), (56, 28), (60, 60))


@pytest.fixture(scope="session")
def mixed():
    """A family's samples with images of different sizes and forms, as photographs have them."""

    def made(cell):
        pictures = (make_picture(seed, *size) for seed, size in enumerate(SIZES_PX))
        return [
            replace(item, image=image)
            for item, image in zip(cell.items.read(), pictures, strict=True)
        ]

    return made


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A study's folder with its machine, samples and images."""
    folder = tmp_path_factory.mktemp("study")
    measure_machine(make_machine_job(), folder / "machine.json")
    samples = folder / "data/photos/samples.parquet"
    rows = [
        {"id": f"s{index}", "image": make_picture(index), "question": question}
        for index, question in enumerate(QUESTIONS)
    ]
    images = folder / "data/photos/img28"
    manifest = write_samples(samples, rows)
    preprocess_images(manifest, 28, images / "images.parquet", images / "images.json")
    return folder


@pytest.fixture(scope="session")
def inputs(prepared, checkpoint):
    """The inputs of a cell's job for a family, its model fetched once per number format."""

    def made(name, dtype="fp32"):
        manifest = prepared / f"models/{name}-{dtype}.json"
        if not manifest.exists():
            prepare_model(make_model_job(checkpoint(name), dtype, model=name), manifest)
        return CellInputs(prepared / "data/photos/img28/images.json", manifest)

    return made


@pytest.fixture(scope="session")
def as_they_are(tmp_path_factory, inputs):
    """The inputs of a cell whose images keep their sizes and forms."""
    samples = tmp_path_factory.mktemp("mixed") / "data/photos/samples.parquet"
    pairs = enumerate(zip(QUESTIONS, SIZES_PX, strict=True))
    rows = [
        {"id": f"s{index}", "image": make_picture(index, *size), "question": question}
        for index, (question, size) in pairs
    ]
    images = samples.parent / "img90-native/images.json"
    preprocess_images(
        write_samples(samples, rows),
        90,
        images.with_suffix(".parquet"),
        images,
        keeps_aspect_ratio=True,
    )
    return lambda name: replace(inputs(name), images=images)


@pytest.fixture(scope="session")
def job():
    """A cell's job under a built-in optimisation, or under another."""

    def made(optimization="eager", how=None, **settings):
        chosen = how or get_optimization(optimization)
        return make_cell_job(optimization=chosen, **{"max_input_len": 30, **settings})

    return made


@pytest.fixture(scope="session")
def measured(prepared, inputs, job, tmp_path_factory):
    """A family's cell and its answers, measured once for all tests."""
    done = {}

    def cell(name):
        if name not in done:
            predictions = tmp_path_factory.mktemp("cell") / "predictions.parquet"
            machine = prepared / "machine.json"
            figures = measure_cell(job(), inputs(name), machine, predictions).figures
            done[name] = SimpleNamespace(figures=figures, answers=read_table(predictions))
        return done[name]

    return cell


@pytest.fixture(scope="session")
def workload(inputs, job):
    """A family's model on its device, with its samples; as it is by default, loaded once."""
    plain = {}

    def made(name, *arguments, **options):
        if name in plain and not arguments and not options:
            return plain[name]
        cell = job(*arguments, **options)
        prepared = prepare_workload(cell.cell, inputs(name), cell.measure.batches)
        return prepared if arguments or options else plain.setdefault(name, prepared)

    return made
