"""What makes a fork like a process that imported everything itself, and what stands against it."""

import sys
from pathlib import Path

import pytest

from vlmeter.machine import forking

RSS = """
import os, sys
import numpy, sqlite3
from vlmeter.machine import forking

def read_rss():
    lines = open('/proc/self/status', encoding='utf-8').read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('RssFile'))

def fork():
    if os.fork() == 0:
        print(read_rss(), flush=True)
        os._exit(0)
    os.wait()

fork()
forking.copy_page_tables_to_forks()
fork()
print(read_rss())
"""


def test_a_fork_counts_the_pages_of_libraries_as_its_parent_does(run_python):
    done = run_python(RSS)
    assert done.returncode == 0, done.stderr
    without, copied, parent = map(int, done.stdout.split())
    assert without < 0.7 * parent
    assert copied == pytest.approx(parent, rel=0.05)


def test_a_process_without_threads_and_devices_may_fork(run_python):
    code = (
        "import os\nfrom vlmeter.machine import forking\nprint(forking.find_hindrance(os.getpid()))"
    )
    assert run_python(code).stdout == "None\n"


def test_an_open_gpu_is_a_hindrance(monkeypatch, tmp_path):
    monkeypatch.setattr(forking, "Path", lambda path: tmp_path / str(path).rpartition("/")[2])
    (tmp_path / "task" / "7").mkdir(parents=True)
    (tmp_path / "fd").mkdir()
    (tmp_path / "task/7/comm").write_text("python\n", encoding="utf-8")
    (tmp_path / "fd/0").symlink_to("/dev/null")
    assert forking.find_hindrance(7) is None
    (tmp_path / "fd/3").symlink_to("/dev/nvidiactl")
    assert forking.find_hindrance(7) == "a GPU was opened before the fork"


def test_what_imports_read_and_the_mounts_are_the_origin():
    origin = forking.describe_origin({"HF_HOME": "a", "TERM": "b"}, {"TERM"})
    assert origin == {
        "HF_HOME": "a",
        "mounts": str(Path("/proc/self/ns/mnt").readlink()),
        "python": origin["python"],
    }
    assert sys.executable in origin["python"]
