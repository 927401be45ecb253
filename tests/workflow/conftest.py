"""The small study, run once for all tests, and copies of it to change."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from finished import finished, first_run
from studytree import Tree

__all__ = ["finished", "first_run"]


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
