"""Tiny checkpoints of every family, and what the rules before a cell leave for each."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_families
import torch
from machines import make_machine_job
from PIL import Image
from stored_data import make_model_job, write_samples

from vlmeter.cell.worker.measure import measure_cell
from vlmeter.cell.worker.workload import set_up
from vlmeter.config.dataset import Generation
from vlmeter.config.optimizations import BUILT_IN
from vlmeter.config.schema import Measure
from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.machine.describe_machine import describe_machine
from vlmeter.models.fetch_model import fetch_model
from vlmeter.storage.parquet import read_table

QUESTIONS = ("what colour", "is the cat red ? one two", "what is the dog ?", "cat", "dog")
MEASURE = Measure(
    window_s=0.02,
    min_iterations=2,
    repeats=2,
    max_warmup_s=0.02,
    batches=2,
    new_tokens=3,
    cpu_threads=1,
    energy={"window_s": 0.02, "min_window_s": 0.01, "cpu_power_w": 65.0, "ram_power_w": 5.0},
).model_dump(mode="json")


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
        return written[name]

    return folder


def _picture(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A study's folder with its machine, samples and images."""
    folder = tmp_path_factory.mktemp("study")
    describe_machine(make_machine_job(), folder / "machine.json")
    samples = folder / "data/photos/samples.parquet"
    rows = [
        {"id": f"s{index}", "image": _picture(index), "question": question}
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
            fetch_model(make_model_job(checkpoint(name), dtype, model=name), manifest)
        return {
            "machine": str(prepared / "machine.json"),
            "model": str(manifest),
            "images": str(prepared / "data/photos/img28/images.json"),
        }

    return made


@pytest.fixture(scope="session")
def job():
    """A cell's job."""

    def made(optimization="eager", how=None, template="question : {question} answer :", **axes):
        cell = {
            "id": "c",
            "dataset": "photos",
            "axes": {
                "model": "tiny",
                "prompt": "bare",
                "device": "cpu",
                "dtype": "fp32",
                "image_size": 28,
                "image_input": "processor",
                "batch_size": 2,
                "max_input_len": 30,
                "optimization": optimization,
                **axes,
            },
            "optimization": (how or BUILT_IN[optimization]).model_dump(mode="json"),
            "template": template,
            "task": "vqa",
            "decoding": {"max_new_tokens": 4, **Generation().model_dump(mode="json")},
            "gpus": 1,
            "measure": MEASURE,
            "iterations": 1,
        }
        return {"cell": cell, "code": "abc", "software": {"torch": "x"}, "attempt": {"count": 1}}

    return made


@pytest.fixture(scope="session")
def measured(inputs, job, tmp_path_factory):
    """A family's cell and its answers, measured once for all tests."""
    done = {}

    def cell(name):
        if name not in done:
            predictions = tmp_path_factory.mktemp("cell") / "predictions.parquet"
            found = measure_cell(job(), inputs(name), predictions)
            done[name] = SimpleNamespace(blocks=found.blocks, answers=read_table(predictions))
        return done[name]

    return cell


@pytest.fixture(scope="session")
def bench(inputs, job):
    """A family's model set up with its samples."""

    def made(name, *arguments, **options):
        return set_up(job(*arguments, **options), inputs(name))

    return made
