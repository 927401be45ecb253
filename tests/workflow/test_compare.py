"""Two finished studies are compared by one command, from what a real run left."""

import shutil
import sys
from pathlib import Path

from studytree import Tree


def test_a_study_is_compared_with_one_that_has_another_cell(tree: Tree) -> None:
    shutil.copytree(tree.result(""), tree.path("before"))
    with tree.config() as config:
        config["sections"][0]["vary"]["batch_size"].append(3)
    assert tree.run("results/small/study.json").code == 0

    vlmeter = Path(sys.executable).with_name("vlmeter")
    done = tree.execute(vlmeter, "compare", "before", "results/small", "--into", "comparison")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        f"comparison/compare{end}" for end in (".md", ".html", ".ru.md", ".ru.html")
    ]
    text = tree.path("comparison/compare.md").read_text()
    assert "6 settings in all studies" in text
    assert "| B | A | textvqa | batch 3 | measured |" in text
    assert "Nothing that was recorded differs." in text
    assert tree.path("comparison/compare.html").read_text().startswith("<!doctype html>")
