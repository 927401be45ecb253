"""Cells of a run on this machine are forks of one process, and leave what others leave."""

from typing import Any

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
