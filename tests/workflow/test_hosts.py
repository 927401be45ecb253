"""A study on a list of hosts, one of which is lost in the middle of a cell."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from small_study import CELLS, RESULTS, cell_id
from sshhosts import running_hosts, why_not
from studytree import Tree

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with running_hosts(tmp_path / "hosts") as programs:
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        monkeypatch.setenv("VLMETER_HOST_LOCKS", str(tmp_path / "locks"))
        yield


class Cutter(threading.Thread):
    """Cuts the connection by which the cell runs that notes its begin."""

    def __init__(self, begun: Path) -> None:
        super().__init__(daemon=True)
        self._begun = begun
        self.cut: list[psutil.Process] = []

    def run(self) -> None:
        deadline = time.monotonic() + 120
        while not self._begun.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        connections = [
            process
            for process in psutil.Process().children(recursive=True)
            if process.name() == "ssh"
            and "run_inference" in " ".join(process.cmdline())
            # Until it becomes another program, a fork of ssh looks like it.
            and process.parent().name() != "ssh"
        ]
        host = self._begun.read_text("utf-8")
        self.cut = [each for each in connections if host in each.cmdline()]
        for connection in self.cut:
            connection.kill()


def test_a_cell_whose_host_is_lost_is_measured_on_another(tree: Tree, hosts: None) -> None:
    with tree.config() as config:
        config["sections"][2]["vary"]["batch_size"] = [1, 2]
    cells = [("textvqa", cell_id(batch_size=size, device="cuda")) for size in (1, 2)]
    begun = tree.path("begun")
    figures = tree.path(f"{RESULTS}/cells/textvqa/{cell_id()}")
    endings = {cells[0][1]: f"{begun}!{figures}", cells[1][1]: str(figures)}
    cutter = Cutter(begun)
    cutter.start()

    run = tree.snakemake(
        f"{RESULTS}/summary.csv",
        *("--workflow-profile", "profiles/hosts"),
        *("--latency-wait", "20", "--seconds-between-status-checks", "1"),
        fakes=["gpu"],
        endings=endings,
        quick=True,
    )

    assert run.code == 0, run.text
    assert len(cutter.cut) == 1
    for cell in cells:
        record = tree.record(cell)
        assert (record["status"], record["quality"]["scored"]) == ("ok", 5)
    summary = tree.result("summary.csv").read_text("utf-8")
    assert len(summary.splitlines()) == len({*CELLS, *cells}) + 1


def test_a_list_without_hosts_is_named(tree: Tree) -> None:
    script = tree.path("profiles/hosts/run_on_a_host.sh")
    tree.path("hosts.txt").write_text("# none yet\n\n", encoding="utf-8")

    done = tree.execute("bash", script, "hosts.txt", "job.sh")

    assert done.returncode == 1
    assert "hosts.txt names no host: write one a line." in done.stderr
