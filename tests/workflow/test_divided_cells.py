"""A study whose cells answer in shards: the same answers and records, and a shard that fails."""

from small_study import (
    AFTER_MEASURING,
    RESULTS,
    cell_id,
    scores,
)
from studytree import Tree

from vlmeter.results.verify import find_damages
from vlmeter.storage.layout import StudyFolder

CELL = ("textvqa", cell_id())
OTHER = ("textvqa", cell_id(batch_size=2))
SHARDS = 3
MEASURED = (
    *("latency", "energy", "latency_detail", "energy_detail", "generation", "request", "memory"),
    *("conditions", "time_spent_s", "flops_detail", "checksum"),
    # Of the job that measured its costs.
    "made_for",
)
"""What no two measurements of a cell have in common."""


def divide(tree: Tree, shards: int = SHARDS) -> None:
    with tree.config() as config:
        config["datasets"]["textvqa"]["shards"] = shards


def shard_jobs(cell: tuple[str, str], shards: int = SHARDS) -> set[tuple[str, ...]]:
    return {("answer_shard", *cell, str(n + 1), str(shards)) for n in range(shards)}


def cell_jobs(*cells: tuple[str, str]) -> set[tuple[str, ...]]:
    divided = {(rule, *cell) for cell in cells for rule in ("measure_costs", "gather_shards")}
    return divided.union(*map(shard_jobs, cells)) | scores(cells)


def compared(tree: Tree, cell: tuple[str, str]) -> dict[str, object]:
    """What must be the same: the answers, byte for byte, and what of a record is no measurement."""
    kept = {key: value for key, value in tree.record(cell).items() if key not in MEASURED}
    kept["files"] = {name: kept["files"][name] for name in ("predictions", "scores")}
    answers = tree.result(f"cells/{'/'.join(cell)}/predictions.parquet").read_bytes()
    return {**kept, "answers": answers}


def differing(record: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    return {
        key: (record.get(key), other.get(key))
        for key in record | other
        if record.get(key) != other.get(key)
    }


def test_a_study_in_shards_answers_as_one_that_is_not(tree: Tree) -> None:
    whole = {cell: compared(tree, cell) for cell in (CELL, OTHER)}
    divide(tree)
    assert tree.plan("batch").names == cell_jobs(CELL, OTHER)

    run = tree.run("batch", endings={f"{CELL[1]}.2-of-3": "kill"})

    assert run.code == 0, run.text
    assert run.names == cell_jobs(CELL, OTHER)
    record = tree.record(CELL)
    assert record["status"] == "crashed"
    assert record["reason"].startswith("shard 2 of 3: killed by SIGKILL")
    assert record["latency"] is None
    assert differing(compared(tree, OTHER), whole[OTHER]) == {}

    again = tree.run("batch")

    assert again.code == 0, again.text
    failed = {("answer_shard", *CELL, "2", "3"), ("gather_shards", *CELL)}
    assert again.names == failed | scores([CELL])
    assert differing(compared(tree, CELL), whole[CELL]) == {}
    assert tree.plan("batch").names == set()
    assert list(find_damages(StudyFolder(tree.path(RESULTS)))) == []

    divide(tree, 2)

    cells = {("gather_shards", *cell) for cell in (CELL, OTHER)} | scores([CELL, OTHER])
    assert tree.plan("batch").names == cells | shard_jobs(CELL, 2) | shard_jobs(OTHER, 2)


def test_a_longer_generation_answers_nothing_anew(tree: Tree) -> None:
    longer = ("textvqa", f"{CELL[1]}-new5")
    with tree.config() as config:
        config["sections"][0]["vary"] = {"batch_size": [1, 2], "new_tokens": [2, 5]}
        config["sections"][0]["datasets"] = ["textvqa"]
    both = [longer, ("textvqa", f"{OTHER[1]}-new5")]
    jobs = {(rule, *cell) for cell in both for rule in ("measure_costs", "gather_shards")}
    assert tree.plan("batch").names == jobs | scores(both)

    run = tree.run("batch")

    assert run.code == 0, run.text
    assert run.names == jobs | scores(both)
    record = tree.record(longer)
    assert (record["status"], record["generation"]["new_tokens"]) == ("ok", 5)
    assert compared(tree, longer)["answers"] == compared(tree, CELL)["answers"]
    assert record["quality"] == tree.record(CELL)["quality"]
    assert tree.plan("batch").names == set()
    assert list(find_damages(StudyFolder(tree.path(RESULTS)))) == []


def test_other_data_sets_are_measured_as_before(tree: Tree) -> None:
    with tree.config() as config:
        config["datasets"]["coco"]["shards"] = SHARDS
    cells = [("coco", cell_id()), ("coco", cell_id(image_size=336))]
    assert tree.plan().names == cell_jobs(*cells) | AFTER_MEASURING
