"""However a cell ends, there is a record and a report; what may pass is tried again, then rests."""

from small_study import (
    AFTER_MEASURING,
    cell_id,
    inference,
    scores,
)
from studytree import Tree

NEW_CELL = ("textvqa", cell_id(batch_size=3))
TRIED_AGAIN = inference([NEW_CELL]) | scores([NEW_CELL]) | AFTER_MEASURING


def add_the_new_cell(tree: Tree) -> None:
    with tree.config() as config:
        config["sections"][0]["vary"]["batch_size"].append(3)


def test_a_crashed_cell_is_recorded_tried_again_and_then_rests(tree: Tree) -> None:
    add_the_new_cell(tree)
    killed = {NEW_CELL[1]: "kill"}

    first = tree.run(endings=killed)

    assert first.code == 0, first.text
    assert first.names == TRIED_AGAIN
    record = tree.record(NEW_CELL)
    assert (record["status"], record["attempt"]) == ("crashed", 1)
    assert record["reason"].startswith("killed by SIGKILL")
    assert [record[key] for key in ("wer_value", "latency", "energy", "flops")] == [None] * 4
    assert record["reason"] in tree.result("report.md").read_text()
    assert tree.json("check.json")["by_status"]["crashed"] == 1

    assert tree.plan().names == TRIED_AGAIN

    second = tree.run("batch", endings=killed)

    assert second.code == 0, second.text
    assert second.names == inference([NEW_CELL]) | scores([NEW_CELL])
    assert tree.record(NEW_CELL)["attempt"] == 2
    assert tree.plan("batch").names == set()


def test_a_cell_that_ran_out_of_time_is_tried_again_under_a_higher_limit_alone(tree: Tree) -> None:
    add_the_new_cell(tree)
    slow = {NEW_CELL[1]: "hang"}
    with tree.config() as config:
        config["measure"].update(timeout_s=3, max_attempts=1)

    first = tree.run("batch", endings=slow)

    assert first.code == 0, first.text
    record = tree.record(NEW_CELL)
    reason = "took longer than the 3 s of measure.timeout_s"
    assert (record["status"], record["reason"]) == ("crashed", reason)
    assert tree.plan("batch").names == set()

    for limit_s, names in ((2, set()), (120, inference([NEW_CELL]) | scores([NEW_CELL]))):
        with tree.config() as config:
            config["measure"]["timeout_s"] = limit_s
        assert tree.plan("batch").names == names

    second = tree.run("batch")

    assert second.names == inference([NEW_CELL]) | scores([NEW_CELL])
    assert (tree.record(NEW_CELL)["status"], tree.record(NEW_CELL)["attempt"]) == ("ok", 2)
    with tree.config() as config:
        config["measure"]["timeout_s"] = 240
    assert tree.plan("batch").names == set()


def test_a_cell_with_a_bug_fails_the_run_after_the_report_and_can_recover(tree: Tree) -> None:
    add_the_new_cell(tree)

    broken = tree.run(endings={NEW_CELL[1]: "raise"})

    assert broken.code != 0
    assert broken.names == TRIED_AGAIN
    record = tree.record(NEW_CELL)
    reason = "UnforeseenError: the moon is in the way"
    assert (record["status"], record["reason"]) == ("error", reason)
    assert "Traceback (most recent call last)" in record["traceback"]
    # The job ran the code of this tree, not the one that is installed.
    assert "src/vlmeter/cell/run_inference.py" in record["traceback"]
    assert reason in tree.result("report.md").read_text()
    assert not tree.result("check.json").exists()
    assert "1 of 8 cells ended in an error" in broken.text
    assert f"results/small/cells/{'/'.join(NEW_CELL)}/record.json: {reason}" in broken.text

    assert tree.plan().names == TRIED_AGAIN

    mended = tree.run("batch")

    assert mended.code == 0, mended.text
    assert mended.names == inference([NEW_CELL]) | scores([NEW_CELL])
    assert (tree.record(NEW_CELL)["status"], tree.record(NEW_CELL)["attempt"]) == ("ok", 2)
    assert tree.plan("batch").names == set()


def test_a_cell_is_measured_again_by_force(tree: Tree) -> None:
    cell = ("coco", cell_id())

    forced = tree.plan("--forcerun", f"results/small/cells/{'/'.join(cell)}/measurement.json")

    assert forced.names == inference([cell]) | scores([cell]) | AFTER_MEASURING
