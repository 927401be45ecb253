"""`make gpu-check` in its short form: the demo's tiny model on the CPU, from end to end."""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from studytree import REPOSITORY, Tree, fork_jobs

STEPS = ("versions", "smoke", "core", "truth")
WELL, BEYOND_BOUND = 0, 2


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the check left."""
    tree = Tree.new(tmp_path_factory.mktemp("gpu-check") / "tree")
    shutil.copytree(REPOSITORY / "benchmarks", tree.folder / "benchmarks")
    into = tree.path("left")
    script = str(tree.path("benchmarks/gpu/check.py"))
    limit = ("--limit", "1200")
    done = subprocess.run(
        [sys.executable, script, "--device", "cpu", "--short", "--into", str(into), *limit],
        cwd=tree.folder,
        env=fork_jobs(tree.environment()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # On a machine that does other work too, two timers may differ by more than they should.
    assert done.returncode in (WELL, BEYOND_BOUND), done.stdout
    assert "vlmeter publish results/gpu-check-core/config.yaml" in done.stdout
    return into


def test_every_step_ends_well(left: Path) -> None:
    rows = (left / "steps.md").read_text().splitlines()[2:]
    assert [tuple(cell.strip() for cell in row.split("|")[1:3]) for row in rows] == [
        (step, "ended well") for step in STEPS
    ]


def test_what_the_studies_measured_is_packed_with_their_configs(left: Path) -> None:
    for step, cells in (("smoke", 1), ("core", 1)):
        with tarfile.open(left / f"{step}.tgz") as archive:
            names = archive.getnames()
            records = [name for name in names if name.endswith("record.json")]
            read = [json.loads(archive.extractfile(name).read()) for name in records]
        assert [record["status"] for record in read] == ["ok"] * cells
        assert f"results/gpu-check-{step}/config.yaml" in names


def test_every_truth_has_a_value_on_both_sides(left: Path) -> None:
    truth: dict[str, Any] = json.loads((left / "truth.json").read_text())
    assert truth["traces"] == {}
    rows = {row["check"]: row for row in truth["rows"]}
    empty = [name for name, row in rows.items() if not row["vlmeter"] or not row["independent"]]
    assert empty == []
    assert len(rows) >= 25
    # What no other work on the machine can disturb.
    steady = [
        name
        for name in rows
        if name.startswith(("FLOPs", "tokens", "flash", "static cache"))
        or name.endswith(("dispatched", "FLOPs / eager", "FLOPs / plain", "logits / eager"))
    ]
    assert len(steady) >= 9
    assert {rows[name]["verdict"] for name in steady} == {"ok"}
    text = (left / "truth.md").read_text()
    assert [name for name in rows if f"\n| {name} |" not in text] == []
