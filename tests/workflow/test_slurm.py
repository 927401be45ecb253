"""A study on a real SLURM of two nodes, one of which dies in the middle of a cell."""

import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from slurmcluster import NODES, Cluster, running_cluster, why_not
from small_study import (
    CELLS,
    CUDA_CELL,
    RESULTS,
    cell_id,
)
from studytree import Tree

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

QUICK = (
    *("--slurm-status-command", "squeue"),
    "--slurm-no-account",
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--seconds-between-status-checks", "1"),
    *("--latency-wait", "20"),
)
"""For a cluster of this test's size: it has no accounting, and its jobs take seconds."""


@pytest.fixture
def cluster(tmp_path: Path):
    with running_cluster(tmp_path / "slurm") as running:
        yield running


class Killer(threading.Thread):
    """Kills the node on which a cell notes that it has begun."""

    def __init__(self, cluster: Cluster, begun: Path) -> None:
        super().__init__()
        self._cluster = cluster
        self._begun = begun
        self.killed: str | None = None
        self.limits: list[str] = []
        """How long SLURM gives the jobs of that node."""

    def run(self) -> None:
        deadline = time.monotonic() + 90
        while not self._begun.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.killed = self._begun.read_text()
        self.limits = self._cluster.say("squeue", "-h", "-w", self.killed, "-o", "%l")
        self._cluster.kill_node(self.killed)


def test_a_study_ends_complete_although_a_node_dies_in_the_middle_of_a_cell(
    tree: Tree, cluster: Cluster
) -> None:
    with tree.config() as config:
        config["sections"][2]["vary"]["batch_size"] = [1, 2]
    begun = tree.path("begun")
    cells = [("textvqa", cell_id(batch_size=size, device="cuda")) for size in (1, 2)]
    figures = tree.path(f"{RESULTS}/cells/textvqa/{cell_id()}")
    endings = {cells[0][1]: f"{begun}!{figures}", cells[1][1]: str(figures)}
    killer = Killer(cluster, begun)
    killer.start()

    run = tree.snakemake(
        f"{RESULTS}/summary.csv",
        *("--workflow-profile", "profiles/slurm"),
        *QUICK,
        fakes=["gpu"],
        endings=endings,
        quick=True,
    )

    killer.join()
    assert run.code == 0, run.text
    assert killer.killed in NODES
    # The study's `timeout_s` of two minutes and a quarter of an hour, not the profile's two hours.
    assert killer.limits == ["17:00"]
    summary = pd.read_csv(tree.result("summary.csv"))
    summarised = list(zip(summary["dataset"], summary["cell"], strict=True))
    assert sorted(summarised) == sorted({*CELLS, *cells})
    for cell in cells:
        record = tree.record(cell)
        assert (record["status"], record["attempt"]) == ("ok", 2 if cell == CUDA_CELL else 1)
        assert record["quality"]["scored"] == record["quality"]["samples"] == 5
