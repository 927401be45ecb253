"""A short form of `make faults`: every kind of fault that takes little time, by fixed seeds."""

import random
from pathlib import Path

import pytest
import study as study_of_faults
from expectations import Fault
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


@pytest.mark.parametrize("forked", [True, False], ids=["forked", "started"])
def test_a_job_that_hangs_is_a_failure(study: Study, tmp_path: Path, monkeypatch, forked) -> None:
    def hang(study: Study, _: random.Random) -> str:
        study.run(study.named("aggregate")[0], forked=forked)
        return "it went on"

    replay = tmp_path / "hang.py"
    replay.write_text("import time\n\ntime.sleep(600)\n", encoding="utf-8")
    monkeypatch.setattr(study_of_faults, "REPLAY", replay)
    monkeypatch.setattr(study_of_faults, "LIMIT_S", 2.0)

    tally = let_happen(study, [Fault("a job hangs", hang, 1)], 1, seed=1)["a job hangs"]

    assert tally.met == 0
    (failure,) = tally.failed
    assert "TimeoutExpired" in failure


def test_the_page_on_faults_lists_every_kind_that_happens():
    page = (Path(__file__).parents[2] / "docs/faults.md").read_text(encoding="utf-8")
    table = page[page.index("| fault | times |") :]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert rows == ["fault", *(fault.name for fault in FAULTS), "all"]
