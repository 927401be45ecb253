"""A cell asks a scheduler for the memory that its model needs."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from vlmeter.models.job import ModelSource
from vlmeter.models.manifest import ModelManifest, write_model_manifest
from vlmeter.study.host_memory import Memory, estimate_memory_mb

MANY = 3_745_000_000


@pytest.fixture
def memory(config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path):
    (tmp_path / "workflow").symlink_to(repository / "workflow")
    monkeypatch.chdir(tmp_path)

    def make(
        parameters: int | None, **base: object
    ) -> tuple[Memory, SimpleNamespace, dict[str, str]]:
        for axis, value in base.items():
            config.set(f"base.{axis}", value)
        study = config.study()
        cell = study.cells[0]
        file = study.folder.model_manifest(cell.axes.model, cell.axes.dtype)
        source = ModelSource(path="somewhere")
        if parameters is not None:
            write_model_manifest(
                file,
                ModelManifest("tiny", cell.axes.dtype, source, "random", parameters=parameters),
            )
        wildcards = SimpleNamespace(dataset=cell.dataset, cell=cell.id)
        return Memory(study), wildcards, {"model": str(file)}

    return make


def test_what_a_model_took_at_full_size_is_given_with_room() -> None:
    # docs/measurements: the highest resident memory at 1 and at 4 samples, in fp32 on a CPU.
    assert estimate_memory_mb(MANY, "fp32", "cpu", 1) > 15_614 * 1.2
    four = estimate_memory_mb(MANY, "fp32", "cpu", 4) - estimate_memory_mb(MANY, "fp32", "cpu", 1)
    assert four > 16_061 - 15_614


def test_it_follows_the_weights_their_format_and_the_batch() -> None:
    fp16_mb = estimate_memory_mb(MANY, "fp16", "cuda", 1)
    assert estimate_memory_mb(2 * MANY, "fp16", "cuda", 1) - fp16_mb == 2 * 2 * 3745
    assert estimate_memory_mb(MANY, "fp32", "cuda", 1) - fp16_mb == 2 * 2 * 3745
    assert estimate_memory_mb(MANY, "fp16", "cuda", 64) == fp16_mb
    assert estimate_memory_mb(MANY, "fp16", "cpu", 64) > fp16_mb


def test_a_cell_and_the_control_ask_for_it_once_the_model_is_stored(memory) -> None:
    asked, wildcards, inputs = memory(MANY)
    cell_mb = estimate_memory_mb(MANY, "fp32", "cpu", 1)
    assert asked.estimate_cell_mb(wildcards, inputs) == cell_mb
    assert asked.estimate_control_mb(None, inputs) == cell_mb


def test_before_that_snakemake_is_told_to_ask_again(memory) -> None:
    asked, wildcards, inputs = memory(None)
    with pytest.raises(FileNotFoundError, match="tiny-fp32"):
        asked.estimate_cell_mb(wildcards, inputs)


def test_a_damaged_manifest_is_left_to_the_job_that_reads_it(memory, tmp_path: Path) -> None:
    asked, wildcards, inputs = memory(MANY)
    (tmp_path / "results/small/models/tiny-fp32.json").write_text("{", encoding="utf-8")
    assert asked.estimate_cell_mb(wildcards, inputs) == estimate_memory_mb(0, "fp32", "cpu", 1)


def test_a_job_that_opens_no_model_asks_for_none_s_memory(memory) -> None:
    # A layer profile on a machine without the device, of a cell that was measured on one with it.
    asked, wildcards, inputs = memory(None)
    inputs.pop("model")
    assert asked.estimate_cell_mb(wildcards, inputs) == estimate_memory_mb(0, "fp32", "cpu", 1)
