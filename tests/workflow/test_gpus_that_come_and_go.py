"""A GPU that appears runs the cells that waited for one, and nothing else; one that goes, nothing.

The GPU is a fake that NVML reports and torch does not see.
"""

from small_study import (
    AFTER_MEASURING,
    CUDA_CELL,
    MACHINE,
    RESULTS,
    cell_id,
    inference,
    scores,
)
from studytree import Tree

APPEARED = MACHINE | inference([CUDA_CELL]) | scores([CUDA_CELL]) | AFTER_MEASURING


def test_without_a_gpu_its_cell_is_unavailable_with_a_reason(finished: Tree) -> None:
    record = finished.record(CUDA_CELL)

    assert record["status"] == "unavailable"
    assert record["reason"] == "this machine has no cuda device"
    assert record["reason"] in finished.result("report.md").read_text()


def test_a_gpu_that_appears_runs_its_cell_once_and_the_study_rests_again(tree: Tree) -> None:
    appeared = tree.plan(fakes=["gpu"])
    assert appeared.names == APPEARED

    run = tree.run(fakes=["gpu"])

    assert run.code == 0, run.text
    assert run.names == APPEARED
    # torch still sees no device.
    record = tree.record(CUDA_CELL)
    assert (record["status"], record["attempt"]) == ("unavailable", 2)
    assert [gpu["name"] for gpu in tree.json("machine.json")["gpus"]] == ["Test GPU"]
    assert tree.plan(fakes=["gpu"]).names == set()
    assert tree.plan().names == set(), "the GPU went"


def test_a_gpu_that_goes_leaves_the_measured_cell_as_it_is(tree: Tree) -> None:
    measured = tree.path(f"{RESULTS}/cells/textvqa/{cell_id()}")
    run = tree.run("device", fakes=["gpu"], endings={CUDA_CELL[1]: str(measured)}, quick=True)
    assert run.code == 0, run.text
    assert tree.record(CUDA_CELL)["status"] == "ok"

    assert tree.plan("device", fakes=["gpu"]).names == set()
    assert tree.plan("device").names == set()


def test_a_model_that_only_missing_devices_need_is_not_fetched(fresh: Tree) -> None:
    with fresh.config() as config:
        config["base"]["dtype"] = {"cuda": "fp16", "cpu": "fp32"}

    assert {job for job in fresh.plan().names if job[0] == "fetch_model"} == {
        ("fetch_model", "tiny", "fp32")
    }
    with_gpu = fresh.plan(fakes=["gpu"]).names
    assert {job for job in with_gpu if job[0] == "fetch_model"} == {
        ("fetch_model", "tiny", "fp32"),
        ("fetch_model", "tiny", "fp16"),
    }


def test_only_cells_on_cuda_ask_for_a_gpu(fresh: Tree) -> None:
    plan = fresh.plan()

    asking = [tuple(job["wildcards"].values()) for job in plan.jobs if job["gpu"]]
    assert asking == [CUDA_CELL]
