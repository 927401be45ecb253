"""Several cells at a time, each on a GPU of its own. The GPUs are fakes that NVML reports."""

from small_study import CUDA_CELL, RESULTS, cell_id
from studytree import FAKE_GPUS, Tree

SIZES = (1, 2, 3, 4)


def test_no_gpu_is_idle_while_a_cell_waits_and_none_has_two(tree: Tree) -> None:
    """Each cell goes on until the next one has begun, on the GPU that the one before gave back."""
    with tree.config() as config:
        config["sections"][2].update(fix={"device": "cuda"}, vary={"batch_size": list(SIZES)})
    log = tree.path("on-gpus.log")
    figures = tree.path(f"{RESULTS}/cells/textvqa/{cell_id()}")
    endings = {cell_id(batch_size=n, device="cuda"): f"{log}<{figures}" for n in SIZES}

    two = {"fakes": ["gpu"], "gpus": 2}
    run = tree.run("device", "--resources", "gpu=2", **two, endings=endings, quick=True)

    assert run.code == 0, run.text
    for name in endings:
        record = tree.record((CUDA_CELL[0], name))
        assert record["status"] == "ok", record["reason"]
    on_gpus: list[str] = []
    most = 0
    for line in log.read_text().splitlines():
        what, gpu = line.split()
        assert gpu in FAKE_GPUS
        if what == "begins":
            assert gpu not in on_gpus, "two cells on one GPU"
            on_gpus.append(gpu)
        else:
            on_gpus.remove(gpu)
        most = max(most, len(on_gpus))
    assert (most, on_gpus) == (2, [])


def test_a_cell_that_asks_for_more_gpus_than_there_are_says_so(tree: Tree) -> None:
    with tree.config() as config:
        config["models"]["tiny"]["gpus"] = 3

    run = tree.run("device", "--resources", "gpu=2", fakes=["gpu"], gpus=2)

    assert run.code == 0, run.text
    record = tree.record(CUDA_CELL)
    assert (record["status"], record["reason"]) == (
        "unavailable",
        "this machine has 2 of the 3 GPUs that the cell asks for",
    )
