"""A short form of `make faults`: every kind of fault that takes little time, by fixed seeds."""

from pathlib import Path

import pytest
from faults import FAULTS, NEED_MOUNTS, may_mount
from run import let_happen
from study import Study
from studytree import Outcome, Tree

LONG = ("clock", "host", "NaN", "Snakemake", "at rest", "shard")
"""In `make faults` alone: each loads torch, or runs the whole workflow."""
SHORT = [fault for fault in FAULTS if not any(word in fault.name for word in LONG)]


@pytest.fixture
def study(first_run: tuple[Tree, Outcome], tmp_path: Path) -> Study:
    finished, outcome = first_run
    return Study(finished, outcome.jobs, tmp_path / "harmed")


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_nothing_is_lost_and_nothing_false_when(study: Study, fault) -> None:
    if fault.name in NEED_MOUNTS and not may_mount():
        pytest.skip("needs the right to mount")
    count = 16 if fault.name.startswith("a byte") else 2

    tally = let_happen(study, [fault], count, seed=1)[fault.name]

    assert tally.failed == []
    assert tally.met >= count


def test_the_page_on_faults_lists_every_kind_that_happens():
    page = (Path(__file__).parents[2] / "docs/faults.md").read_text(encoding="utf-8")
    table = page[page.index("| fault | times |") :]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows == ["fault", *(fault.name for fault in FAULTS), "all"]
