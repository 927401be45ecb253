"""What the plan says that a model needs follows from its numbers and their format."""

import json
import re

import numpy as np
import pytest
from safetensors.numpy import save_file

from vlmeter.models import packages
from vlmeter.models.job import ModelSource
from vlmeter.models.manifest import ModelManifest, write_model_manifest
from vlmeter.storage.files import write_json
from vlmeter.storage.job_keys import write_job_key
from vlmeter.study import jobs
from vlmeter.study.jobs import Jobs
from vlmeter.study.plan import make_plan

NUMBERS = 3_000_000


def plan_model(config, folder, dtypes, model_type="llava"):
    """Return the plan's line of each number format, of a model in two files."""
    model = folder / "model"
    model.mkdir()
    for part, count in enumerate((1_000_000, 2_000_000)):
        tensors = {f"w{part}": np.zeros((count // 10, 10), np.float16)}
        save_file(tensors, model / f"{part}.safetensors")
    (model / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    config.set("models.tiny.source", {"path": str(model)})
    # No Hub is asked.
    config.set("datasets.photos.source", {"synthetic": {"text_tokens": 9}})
    config.drop("datasets.photos.columns").drop("datasets.photos.prompts")
    config.set("sections.1.datasets", ["photos"]).drop("datasets.exams")
    config.set("base.dtype", dtypes[0])
    config.set("sections.0.vary", {"dtype": dtypes})
    lines = make_plan(config.study()).text.splitlines()
    return {
        dtype: next(line for line in lines if line.startswith(f"model tiny {dtype}"))
        for dtype in dtypes
    }, lines


@pytest.mark.parametrize("first", ["fp32", "fp16", "bf16"])
def test_the_weights_take_the_bytes_of_their_number_format(config, tmp_path, monkeypatch, first):
    monkeypatch.chdir(tmp_path)
    others = [dtype for dtype in ("fp32", "fp16", "bf16") if dtype != first]
    by_dtype, _ = plan_model(config, tmp_path, [first, *others])
    for dtype, size in {"fp32": "12.0 MB", "fp16": "6.0 MB", "bf16": "6.0 MB"}.items():
        *_, fetched, fetched_unit, kept, kept_unit, held, held_unit, numbers, _, _ = by_dtype[
            dtype
        ].split()
        assert (fetched, fetched_unit) == ("0", "B")
        assert f"{kept} {kept_unit}" == f"{held} {held_unit}" == size
        assert float(numbers) == NUMBERS / 1e6


def test_of_several_models_the_disk_holds_all_and_the_memory_the_largest(
    config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    _, lines = plan_model(config, tmp_path, ["fp32", "bf16"])
    assert "disk: 18.0 MB needed" in "\n".join(lines)
    assert "memory: 12.0 MB for the largest model's weights" in "\n".join(lines)


@pytest.mark.parametrize(
    ("model_type", "reason"),
    [("smolvlm", "run `pip install num2words`"), ("llama4", "run `make setup-video`")],
)
def test_cells_of_a_model_that_cannot_be_used_are_no_cells_that_can_run(
    config, tmp_path, monkeypatch, model_type, reason
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vlmeter.models.packages.find_spec", lambda _: None)
    by_dtype, lines = plan_model(config, tmp_path, ["fp32", "bf16"], model_type)
    assert all(line.endswith("unsupported") for line in by_dtype.values())
    assert any(line.startswith("can run here: 0 of ") for line in lines)
    # Once for both number formats.
    (line,) = [line for line in lines if reason in line]
    assert re.match(r"cannot run here: (\d+) cells: ", line)[1] == lines[1].split()[5]
    assert f"is of the type {model_type}: " in line


def test_a_problem_of_several_number_formats_is_named_once_with_its_cells(
    config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    plan_model(config, tmp_path, ["fp32", "bf16"])
    (tmp_path / "model/0.safetensors").write_bytes(b"no weights")
    study = config.study()

    made = make_plan(study)

    assert made.text.count("cannot be had, see below") == 2
    (problem,) = made.problems
    assert problem.startswith(
        f"model tiny bf16, model tiny fp32 (for {len(study.cells)} cells): "
        "its weights cannot be read"
    )
    assert "its weights cannot be read" not in made.text


REFUSAL = "it needs a package that is not installed"


def store_refusal(study):
    """Leave what `fetch_model` leaves of a model that it refused."""
    path = study.folder.model_manifest("tiny", "fp32")
    source = ModelSource(path="model")
    write_model_manifest(path, ModelManifest("tiny", "fp32", source, "pretrained",
                                             unsupported=REFUSAL))  # fmt: skip
    write_job_key(Jobs(study).build_model_key("tiny", "fp32"))


@pytest.mark.parametrize("changed", ["nothing", "a package", "the model", "the manifest"])
def test_a_stored_refusal_counts_until_the_model_would_be_fetched_again(
    config, tmp_path, monkeypatch, changed
):
    monkeypatch.chdir(tmp_path)
    plan_model(config, tmp_path, ["fp32"])
    study = config.study()
    store_refusal(study)
    if changed == "a package":
        versions = jobs.software_versions
        monkeypatch.setattr(
            jobs, "software_versions", lambda names: {**versions(names), packages.OPTIONAL[0]: "9"}
        )
    elif changed == "the model":
        values = {"model_type": "llava", "text_config": {}}
        (tmp_path / "model/config.json").write_text(json.dumps(values), encoding="utf-8")
    elif changed == "the manifest":
        path = study.folder.model_manifest("tiny", "fp32")
        source = ModelSource(path="model")
        write_model_manifest(path, ModelManifest("tiny", "fp32", source, "pretrained"))

    lines = make_plan(study).text.splitlines()

    line = next(line for line in lines if line.startswith("model tiny fp32"))
    refused = any(line.startswith("can run here: 0 of ") for line in lines)
    words = {"nothing": "unsupported", "the manifest": "already here"}.get(changed, "M parameters")
    assert words in line
    assert refused == (changed == "nothing")
    assert "\n".join(lines).count(REFUSAL) == refused


def test_a_sample_of_another_size_is_not_here_yet(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan_model(config, tmp_path, ["fp32"])
    study = config.study()
    write_json(study.folder.dataset("photos").manifest, {})
    write_job_key(Jobs(study).build_dataset_key("photos"))
    assert "already here" in make_plan(study).text
    config.set("datasets.photos.sample", {"n": 7})
    lines = make_plan(config.study()).text.splitlines()
    assert any(line.startswith("data set photos") and "7 random rows" in line for line in lines)
