"""The small study, run once for all tests."""

import fcntl
import json
import os

import pytest
from studytree import Outcome, Tree


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, Outcome]:
    """The small study after its first run. Not to be changed.

    Under pytest-xdist the first worker that asks runs it, and the others wait for it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, outcome_file = shared / "finished-study", shared / "finished-study.json"
    with (shared / "finished-study.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome_file.exists():
            outcome = Tree.new(folder).run(unaided=True)
            outcome_file.write_text(json.dumps([outcome.code, outcome.text, outcome.jobs]))
    outcome = Outcome(*json.loads(outcome_file.read_text()))
    assert outcome.code == 0, outcome.text
    return Tree(folder), outcome


@pytest.fixture(scope="session")
def finished(first_run: tuple[Tree, Outcome]) -> Tree:
    """The finished study. Not to be changed."""
    return first_run[0]
