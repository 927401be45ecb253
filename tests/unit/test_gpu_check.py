"""The parts of `make gpu-check` that need neither a GPU nor a study: steps, truth table, wheels."""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from zipfile import ZipFile

import psutil
import pytest
from check import build_environment
from fetch_wheels import carried_versions, read_versions, unmet_needs
from python_path import search_first
from steps import ENDED_WELL, FAILED, LEFT_OUT, Ending, Step, pack, run_steps

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHELL = ("sh", "-c")


def run(tmp_path: Path, *steps: Step, limit_s: float = 60.0) -> dict[str, Ending]:
    """Run steps in a folder of their own; how each ended."""
    endings = run_steps(steps, limit_s, tmp_path / "kept", dict(os.environ), tmp_path)
    return {ending.step: ending for ending in endings}


def has_ended(pid: int) -> bool:
    """Whether a process ends within some seconds; nobody may be there to ask how it did."""
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def packed(tmp_path: Path, step: str) -> list[str]:
    with tarfile.open(tmp_path / "kept" / f"{step}.tgz") as archive:
        return sorted(archive.getnames())


def test_a_step_that_fails_ends_no_other_and_what_it_left_is_packed(tmp_path: Path) -> None:
    broken = Step("broken", (*SHELL, "mkdir a && echo 1 > a/half; exit 3"), 0.5, [Path("a")])
    missing = Step("missing", ("no-such-program",), 0.5)
    after = Step("after", (*SHELL, "mkdir b && echo 2 > b/whole"), 0.5, [Path("b")])
    endings = run(tmp_path, broken, missing, after)
    assert {name: ending.state for name, ending in endings.items()} == {
        "broken": FAILED,
        "missing": FAILED,
        "after": ENDED_WELL,
    }
    assert endings["broken"].reason == "exit status 3"
    assert "no-such-program" in endings["missing"].reason
    assert packed(tmp_path, "broken") == ["a/half"]
    assert packed(tmp_path, "after") == ["b/whole"]
    table = (tmp_path / "kept" / "steps.md").read_text()
    assert "| broken | failed |" in table
    assert "| after | ended well |" in table


def test_the_steps_keep_bytecode_where_the_machine_keeps_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    program = (sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)")
    done = subprocess.run(
        program, env=build_environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_limit_ends_a_step_with_all_its_processes_and_what_it_left_is_packed(
    tmp_path: Path,
) -> None:
    # A job below the command, which does not listen to the request to end.
    job = "trap '' TERM; echo $$ > a/pid; while true; do sleep 0.1; done"
    command = f"mkdir a; echo 1 > a/half; sh -c '{job.replace(chr(39), chr(34))}' & wait"
    slow = Step("slow", (*SHELL, command), 0.05, [Path("a")])
    after = Step("after", (*SHELL, "echo here"), 0.5)
    start = time.monotonic()
    endings = run(tmp_path, slow, after)
    assert time.monotonic() - start < 30
    assert (endings["slow"].state, endings["slow"].reason) == (FAILED, "ended by its time limit")
    assert endings["slow"].wall_s >= 3.0
    assert endings["after"].state == ENDED_WELL
    assert packed(tmp_path, "slow") == ["a/half", "a/pid"]
    assert has_ended(int((tmp_path / "a/pid").read_text()))
    assert "here" in (tmp_path / "kept" / "log.txt").read_text()


def test_a_step_for_which_no_time_is_left_is_left_out(tmp_path: Path) -> None:
    endings = run(tmp_path, Step("late", (*SHELL, "touch begun"), 0.5), limit_s=3.0)
    assert endings["late"].state == LEFT_OUT
    assert not (tmp_path / "begun").exists()


def test_what_is_large_and_made_again_is_not_packed(tmp_path: Path) -> None:
    study = tmp_path / "results" / "small"
    for name in ("report.md", "cells/a/record.json", "data/a/samples.parquet", "models/m.bin"):
        (study / name).parent.mkdir(parents=True, exist_ok=True)
        (study / name).write_text("")
    (study / "weights.safetensors").write_text("")
    pack([Path("results/small"), Path("absent")], tmp_path / "small.tgz", tmp_path)
    with tarfile.open(tmp_path / "small.tgz") as archive:
        names = sorted(archive.getnames())
    assert names == ["results/small/cells/a/record.json", "results/small/report.md"]


TABLE = """
import sys, time
from pathlib import Path
from comparison import Comparison, WordComparison
from truth_table import Check, TruthTable

def good():
    yield Comparison("time / other", 1.01, 1.0, "s", 0.03)
    yield Comparison("energy / other", 1.5, 1.0, "J", 0.03)
    yield WordComparison("ran / seen", "sdpa flash", "sdpa flash")

def broken():
    yield Comparison("first / other", 1.0, 1.0, "s", 0)
    raise ValueError("no such card")

table = TruthTable(Path(sys.argv[1]), {"device": "test"})
checks = [Check("broken", 1, broken), Check("good", 1, good), Check("long", 100, good)]
table.run(checks, time.monotonic() + 50)
"""


def test_a_truth_that_fails_ends_no_other(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TABLE, str(tmp_path)]
    subprocess.run(
        command, env={**os.environ, **search_first(BENCHMARKS, BENCHMARKS / "gpu")}, check=True
    )
    table = json.loads((tmp_path / "truth.json").read_text())
    verdicts = {row["check"]: row["verdict"] for row in table["rows"]}
    assert verdicts == {
        "first / other": "ok",
        "broken": "failed: ValueError: no such card",
        "time / other": "ok",
        "energy / other": "out of bound",
        "ran / seen": "ok",
        "long": "left out: 50 s left, 100 needed",
    }
    assert "no such card" in table["traces"]["broken"]
    text = (tmp_path / "truth.md").read_text()
    assert "| time / other | 1.01 | 1 | s | 1.0100 | ±0.03 | ok |" in text


def write_wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    lines = (f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {need}" for need in needs))
    with ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}-{version}.dist-info/METADATA", "\n".join(lines))


def test_what_the_machine_brings_is_read_with_and_without_versions() -> None:
    text = "Torch==2.11.0+cu130\ntyping-extensions\npydantic_core==2.1\n# a remark\n"
    assert read_versions(text) == {
        "torch": "2.11.0+cu130",
        "typing-extensions": None,
        "pydantic-core": "2.1",
    }


@pytest.mark.parametrize(
    ("need", "unmet"),
    [
        ("numpy>=2", {}),
        # Brought, and too old.
        ("typing_extensions>=4.14", {"typing-extensions": "typing_extensions>=4.14 of carried"}),
        # Brought in a version that nobody knows.
        ("idna>=3", {}),
        ("nowhere", {"nowhere": "nowhere of carried"}),
        ('tomli; python_version < "3.11"', {}),
        ('colour; extra == "pretty"', {}),
        ('pywin32; sys_platform == "win32"', {}),
        # A build of a version is that version.
        ("torch==2.11.0", {}),
    ],
)
def test_what_the_wheels_need_and_nobody_brings_is_named(
    tmp_path: Path, need: str, unmet: dict[str, str]
) -> None:
    write_wheel(tmp_path, "carried", "1.0", need)
    brings = {"numpy": "2.5", "typing-extensions": "4.10", "idna": None, "torch": "2.11.0+cu130"}
    present = {**brings, **carried_versions(tmp_path)}
    assert unmet_needs(tmp_path, present, "3.12") == unmet
