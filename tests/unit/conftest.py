"""What the unit tests of the core share: a small study, and Python processes of their own."""

import copy
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_nvml import FakeNvml
from hypothesis import settings

from vlmeter.config.load import check_config
from vlmeter.machine import devices
from vlmeter.software.torch_build import TorchBuild
from vlmeter.study import obstacles
from vlmeter.study.study import Study

# On any machine: what a unit test says about devices must not depend on who runs it.
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# A busy machine is no failure of a property.
settings.register_profile("without_deadline", deadline=None)
settings.load_profile("without_deadline")

REPOSITORY = Path(__file__).parents[2]
VALUES = {
    "study": "small",
    "models": {
        "tiny": {"source": {"path": "somewhere/tiny"}},
        "huge": {"source": {"hub": "maker/huge", "revision": "abc123"}},
    },
    "datasets": {
        "photos": {
            "task": "vqa",
            "source": {"path": "photos.parquet"},
            "columns": {"image": "image", "question": "ask", "references": "answers"},
            "prompts": {"bare": "{question}", "asked": "Question: {question} Answer:"},
        },
        "exams": {
            "task": "multiple_choice",
            "source": {"hub": "maker/exams", "split": "test"},
            "columns": {
                "image": "image",
                "question": "question",
                "choices": "choices",
                "answer_index": "answer",
            },
            "prompts": {"bare": "{question}"},
        },
    },
    "base": {"model": "tiny", "device": "cpu"},
    "sections": [
        {"name": "batches", "datasets": ["photos"], "vary": {"batch_size": [1, 4]}},
        {"name": "sizes", "datasets": ["photos", "exams"], "vary": {"image_size": [224, 448]}},
    ],
    "layers": {"dataset": "photos", "grids": [{"vary": {"batch_size": [1]}}]},
}


@dataclass
class Config:
    """A config that a test makes a change in."""

    values: dict

    def set(self, key, value):
        """Set `a.b.0.c` to `value`."""
        parts = [int(part) if part.isdigit() else part for part in key.split(".")]
        block = self.values
        for part in parts[:-1]:
            block = block[part]
        block[parts[-1]] = value
        return self

    def drop(self, key):
        *parts, last = key.split(".")
        block = self.values
        for part in parts:
            block = block[int(part)] if part.isdigit() else block[part]
        del block[last]
        return self

    def checked(self):
        return check_config(self.values, "my.yaml")

    def study(self):
        return Study(self.checked())


@pytest.fixture(scope="session")
def values():
    """A valid config with two models, two data sets and two sections; not to be changed."""
    return VALUES


@pytest.fixture
def config(values):
    """The same, to be changed."""
    return Config(copy.deepcopy(values))


@pytest.fixture
def machine(monkeypatch):
    """Make this a machine with GPUs: `machine(gpu(), driver=..., torch_cuda=...)`."""
    fake = FakeNvml().install(monkeypatch)

    def prepare(*gpus, visible=None, torch_cuda=(13, 0), **settings):
        fake.gpus = list(gpus)
        vars(fake).update(driver="580.65", cuda=13000, refusal=None)
        vars(fake).update(settings)
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        build = TorchBuild("2.13.0", torch_cuda)
        for module in (devices, obstacles):
            monkeypatch.setattr(module, "torch_build", lambda: build)
        devices._find_gpus.cache_clear()
        return fake

    yield prepare
    devices._find_gpus.cache_clear()


@pytest.fixture(scope="session")
def repository():
    return REPOSITORY


@pytest.fixture
def run_python(tmp_path):
    """Run a piece of Python in a process of its own, in an empty folder."""

    def run(code, **environment):
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "VLMETER_LOCK_DIR": str(tmp_path / "locks"), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
