"""A study in pods, on what stands for a cluster."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from small_study import CUDA_CELL, RESULTS, cell_id
from sshhosts import lacks_plugin
from studytree import REPOSITORY, Tree

pytestmark = pytest.mark.skipif(
    lacks_plugin() or shutil.which("envsubst") is None,
    reason="needs `make setup-hosts` and envsubst (Debian: gettext-base)",
)
FAKE = REPOSITORY / "tests/support/fake_kubectl.py"


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pods of this test are kept."""
    kubectl = tmp_path / "bin/kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} "$@"\n', encoding="utf-8")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(kubectl.parent), prepend=":")
    monkeypatch.setenv("FAKE_CLUSTER", str(tmp_path / "pods"))
    return tmp_path / "pods"


def test_a_study_runs_in_pods(tree: Tree, pods: Path) -> None:
    figures = tree.path(f"{RESULTS}/cells/textvqa/{cell_id()}")

    run = tree.snakemake(
        f"{RESULTS}/cells/textvqa/{CUDA_CELL[1]}/record.json",
        *("--workflow-profile", "profiles/kubernetes"),
        *("--latency-wait", "20", "--seconds-between-status-checks", "1"),
        fakes=["gpu"],
        endings={CUDA_CELL[1]: str(figures)},
        quick=True,
    )

    assert run.code == 0, run.text
    assert tree.record(CUDA_CELL)["status"] == "ok"
    ended = [json.loads(file.read_text("utf-8")) for file in pods.glob("*.deleted")]
    assert list(pods.glob("*.json")) == []
    limits = [pod["spec"]["containers"][0]["resources"]["limits"] for pod in ended]
    assert "1" in {limit["nvidia.com/gpu"] for limit in limits}
    assert {pod["status"]["phase"] for pod in ended} == {"Succeeded"}


def test_a_pod_that_fails_fails_its_job_and_shows_its_log(tree: Tree, pods: Path) -> None:
    script = tree.path("profiles/kubernetes/run_in_a_pod.sh")
    job = tree.path("job.sh")
    job.write_text("exit 3\n", encoding="utf-8")

    done = tree.execute("bash", script, "0", "8000", "2", job)

    assert done.returncode == 1
    assert "the log of a pod" in done.stderr
    assert len(list(pods.glob("*.deleted"))) == 1
