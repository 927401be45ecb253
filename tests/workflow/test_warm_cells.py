"""What needs torch on this machine is a fork of one process, and leaves what others leave."""

from typing import Any

import pytest
from small_study import RESULTS, cell_id
from studytree import Tree

CELLS = [("textvqa", cell_id(batch_size=size)) for size in (1, 2)]


def list_names(block: Any, path: str = "") -> set[str]:
    """Return the path of every entry of a table of tables."""
    if not isinstance(block, dict):
        return {path}
    return {name for key, value in block.items() for name in list_names(value, f"{path}/{key}")}


def test_warm_cells_leave_the_records_and_the_answers_of_cold_ones(tree: Tree) -> None:
    places = [f"cells/{dataset}/{cell}" for dataset, cell in CELLS]
    cold = [tree.json(f"{place}/measurement.json") for place in places]
    for place in places:
        tree.result(f"{place}/measurement.json").unlink()

    targets = [f"{RESULTS}/{place}/measurement.json" for place in places]
    run = tree.snakemake(*targets, "--cores", "2", warm=True)

    assert run.code == 0, run.text
    for place, before in zip(places, cold, strict=True):
        after = tree.json(f"{place}/measurement.json")
        assert after["status"] == "ok"
        assert after["time_spent_s"].pop("wait_for_fork") > 0.0
        assert list_names(after) == list_names(before)
        assert after["files"]["predictions"] == before["files"]["predictions"]
        for block in ("input", "model", "decoding", "checks", "kv_cache"):
            assert after[block] == before[block]
        assert after["provenance"]["torch"] == before["provenance"]["torch"]
        assert after["provenance"]["threads"] == before["provenance"]["threads"]


def test_the_machine_and_a_stored_model_need_no_imports_of_their_own(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"machine": "machine.json", "models/tiny-fp32": "models/tiny-fp32.json"}
    before = {name: tree.json(name) for name in made.values()}
    for name in made.values():
        tree.result(name).unlink()

    # A job that imports says so in its log.
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    targets = [f"{RESULTS}/{name}" for name in made.values()]
    run = tree.snakemake(*targets, "--cores", "2", warm=True)

    assert run.code == 0, run.text
    for log, name in made.items():
        printed = tree.result(f"logs/{log}.log").read_text(encoding="utf-8")
        assert "import time:" in printed
        assert "| torch\n" not in printed
        assert list_names(tree.json(name)) == list_names(before[name])
    assert tree.json("models/tiny-fp32.json")["files"] == before["models/tiny-fp32.json"]["files"]
