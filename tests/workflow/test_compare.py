"""Two finished studies are compared by one command, from what a real run left."""

import shutil
import sys
from pathlib import Path

from small_study import cell_id
from studytree import Tree


def test_a_study_is_compared_with_one_that_has_another_cell(tree: Tree) -> None:
    shutil.copytree(tree.result(""), tree.path("before"))
    with tree.config() as config:
        config["sections"][0]["vary"]["batch_size"].append(3)
    assert tree.run("results/small/study.json").code == 0

    vlmeter = Path(sys.executable).with_name("vlmeter")
    done = tree.execute(vlmeter, "compare", "before", "results/small", "--into", "comparison")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["comparison/compare.md", "comparison/compare.html"]
    text = tree.path("comparison/compare.md").read_text()
    assert "6 settings stand in both." in text
    assert f"| B | textvqa | {cell_id(batch_size=3)} | ok |" in text
    assert "Nothing that was recorded differs." in text
    assert tree.path("comparison/compare.html").read_text().startswith("<!doctype html>")
