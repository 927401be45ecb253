"""What the plan says that a model needs follows from its numbers and their format."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

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
    assert all(reason in line for line in by_dtype.values())
    assert f"is of the type {model_type}: " in by_dtype["bf16"]
    assert any(line.startswith("can run here: 0 of ") for line in lines)
