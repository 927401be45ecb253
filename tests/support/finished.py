"""The small study, run once for all tests."""

from pathlib import Path

import pytest
from made_once import make_once
from studytree import Outcome, Tree


def _run_new_tree(folder: Path) -> tuple[Tree, Outcome]:
    tree = Tree.new(folder)
    return tree, tree.run(unaided=True)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, Outcome]:
    """The small study after its first run. Not to be changed."""
    tree, outcome = make_once(tmp_path_factory, "finished-study", _run_new_tree)
    assert outcome.code == 0, outcome.text
    return tree, outcome


@pytest.fixture(scope="session")
def finished(first_run: tuple[Tree, Outcome]) -> Tree:
    """The finished study. Not to be changed."""
    return first_run[0]
