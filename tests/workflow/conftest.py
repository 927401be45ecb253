"""The small study, run once for all tests, and copies of it to change."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from studytree import Outcome, Tree


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, Outcome]:
    """The small study after its first run. Not to be changed."""
    tree = Tree.new(tmp_path_factory.mktemp("study") / "tree")
    outcome = tree.run()
    assert outcome.code == 0, outcome.text
    return tree, outcome


@pytest.fixture(scope="session")
def finished(first_run: tuple[Tree, Outcome]) -> Tree:
    """The finished study. Not to be changed."""
    return first_run[0]


@pytest.fixture
def tree(finished: Tree, tmp_path: Path) -> Iterator[Tree]:
    """A copy of the finished study, to be changed."""
    folder = tmp_path / "tree"
    yield finished.copy(folder)
    shutil.rmtree(folder)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Tree]:
    """The small study before its first run, to be changed."""
    folder = tmp_path / "tree"
    yield Tree.new(folder)
    shutil.rmtree(folder)
