"""What goes missing from a finished study, or is damaged, is noticed and made again."""

import subprocess
import sys
from pathlib import Path

import pytest
from small_study import (
    CONFIG,
    LAYERS,
    RESULTS,
    cell_id,
)
from studytree import Tree

from vlmeter.config.load import load_config
from vlmeter.study.outputs import list_outputs
from vlmeter.study.study import Study

CELL = f"cells/textvqa/{cell_id()}"
JOB = ("textvqa", cell_id())
DELETED = {
    f"{CELL}/measurement.json": ("run_inference", *JOB),
    f"{CELL}/predictions.parquet": ("run_inference", *JOB),
    f"{CELL}/timings.parquet": ("run_inference", *JOB),
    f"{CELL}/record.json": ("score_predictions", *JOB),
    f"{CELL}/scores.parquet": ("score_predictions", *JOB),
    f"layers/textvqa/{cell_id()}.csv": LAYERS,
    f"layers/textvqa/{cell_id()}.json": LAYERS,
    "control/measurement.json": ("measure_control",),
    "control/timings.parquet": ("measure_control",),
    "summary.csv": ("aggregate",),
    "summary.parquet": ("aggregate",),
    "layers.csv": ("aggregate",),
    "differences.csv": ("aggregate",),
    "repeatability.json": ("aggregate",),
    "tables.json": ("aggregate",),
    "study.json": ("export_study",),
    "figures/batch.svg": ("plot_section", "batch"),
    "figures/ru/size.svg": ("plot_section", "size"),
    "figures/tradeoff.svg": ("plot_tradeoff",),
    "figures/forest.svg": ("plot_forest",),
    "figures/requests.svg": ("plot_requests",),
    "figures/layers.svg": ("plot_layers",),
    "gallery/answers.json": ("collect_answers",),
    "report.md": ("render_report",),
    "study.ru.html": ("render_report",),
    "report.json": ("render_report",),
    "layers.html": ("render_report",),
    "check.json": ("check_study",),
}
"""An output of each rule, and its job."""


def verify(tree: Tree, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from vlmeter.cli import main; main()"
    return tree.execute(sys.executable, "-c", code, "verify", CONFIG, *arguments, forked=True)


def test_every_output_that_is_deleted_is_named_and_its_job_runs_again(tree: Tree) -> None:
    for name in DELETED:
        tree.result(name).unlink()

    verified = verify(tree)
    planned = tree.plan().names

    assert verified.returncode == 1
    for name, job in DELETED.items():
        assert f"{RESULTS}/{name} is missing." in verified.stderr
        assert job in planned, name
    assert {job for job in planned if job[0] == "run_inference"} == {("run_inference", *JOB)}


def test_every_file_of_a_finished_study_is_listed(tree: Tree) -> None:
    study = Study(load_config(tree.path(CONFIG)))
    listed = {path.relative_to(RESULTS) for path in list_outputs(study)}
    below = tree.path(RESULTS)
    kept = {path.relative_to(below) for path in below.rglob("*") if path.is_file()}
    # Logs and notes of tries say nothing about the study; manifests name a model's own files, and
    # the gallery its pictures.
    apart = {
        path
        for path in kept
        if path.parts[0] in {"logs", "attempts"}
        or path.parts[:2] == ("models", "tiny-fp32")
        or path.suffix == ".jpg"
        # What a run notes of itself when it starts.
        or path.name in {".running", "config.yaml"}
    }

    # The manifest of a model is listed where its folder is, from the working directory.
    assert kept - apart - listed == {Path("models/tiny-fp32.json")}
    assert listed - kept == set()


@pytest.mark.parametrize("name", [f"{CELL}/scores.parquet", "figures/batch.svg", "summary.parquet"])
def test_one_deleted_output_runs_what_makes_it_and_what_follows(tree: Tree, name: str) -> None:
    tree.result(name).unlink()

    planned = tree.plan().names

    assert DELETED[name] in planned
    assert not {job for job in planned if job[0] in {"run_inference", "profile_layers"}}


def test_what_nothing_follows_from_any_more_is_named_and_not_made_again(tree: Tree) -> None:
    tree.result("data/textvqa/samples.parquet").unlink()
    tree.result("models/tiny-fp32/model.safetensors").unlink()
    tree.result("machine.json").unlink()

    assert tree.plan().names == set()
    sentences = verify(tree).stderr
    assert "samples.parquet is missing" in sentences
    assert "model.safetensors is missing" in sentences


def test_verify_repairs_what_is_damaged_and_missing(tree: Tree) -> None:
    before = {name: tree.result(name).read_bytes() for name in ("summary.csv", "figures/size.svg")}
    tree.result("figures/size.svg").unlink()
    tree.result("summary.csv").write_bytes(before["summary.csv"] + b"\n")

    advised = verify(tree)
    repaired = verify(tree, "--repair")

    assert advised.returncode == 1
    assert f"--forcerun {RESULTS}/figures/size.svg {RESULTS}/summary.csv" in advised.stderr
    assert "vlmeter verify --repair" in advised.stderr
    assert repaired.returncode == 0, repaired.stderr[-2000:]
    assert {name: tree.result(name).read_bytes() for name in before} == before
    assert verify(tree).returncode == 0
