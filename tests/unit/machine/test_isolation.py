"""A cell's child: however it ends, it is a result, and nothing of it is left.

Each test runs in a Python of its own: a fork wants a process without torch and its threads.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from vlmeter.machine import isolation

PREAMBLE = """
import os, pathlib, resource, signal, subprocess, sys, time
from vlmeter.machine.isolation import run_isolated
"""
WITHOUT_PIDFD = "del os.pidfd_open\n"


@pytest.fixture(params=["", WITHOUT_PIDFD], ids=["pidfd", "polling"])
def isolated(run_python, request):
    """Run a body isolated; return why it ended, as Python shows it, and the process."""

    def run(body, timeout_s=30.0):
        code = (
            f"{PREAMBLE}{request.param}def work():\n{textwrap.indent(body, '    ')}\n"
            f"death = run_isolated(work, {timeout_s})\nprint(repr(death and death.reason))"
        )
        done = run_python(code)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1], done

    return run


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def ends(pid):
    """Say whether a process ends; one that is killed needs a moment."""
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def read_pid(path):
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return int(path.read_text())


def test_work_that_returns_ends_well(isolated, tmp_path):
    assert isolated("pathlib.Path('done').write_text('yes')")[0] == "None"
    assert (tmp_path / "done").read_text() == "yes"


def test_work_that_raises_shows_its_traceback(isolated):
    ending, done = isolated("raise KeyError('lost')")
    assert ending == "'ended with exit code 70'"
    assert "KeyError: 'lost'" in done.stderr


def test_an_exit_within_the_work_is_no_good_end(isolated):
    assert isolated("sys.exit(0)")[0] == "'ended with exit code 70'"


def test_an_exit_code_of_its_own_is_named(isolated):
    assert isolated("os._exit(3)")[0] == "'ended with exit code 3'"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("SIGKILL", ", as the system does when memory runs out"), ("SIGSEGV", ""), ("SIGTERM", "")],
)
def test_a_signal_is_named(isolated, name, hint):
    ending, _ = isolated(f"os.kill(os.getpid(), signal.{name})")
    assert ending == f"'killed by {name}{hint}'"


def test_work_that_takes_too_long_is_killed(isolated, tmp_path):
    body = "pathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    assert isolated(body, 0.3)[0] == "'took longer than the 0.3 s of measure.timeout_s'"
    assert ends(read_pid(tmp_path / "pid"))


START_WORKER = (
    "worker = subprocess.Popen(['sleep', '60'])\npathlib.Path('worker').write_text(str(worker.pid))"
)


@pytest.mark.parametrize(
    ("last", "ending"),
    [
        ("pass", "None"),
        ("os._exit(3)", "'ended with exit code 3'"),
        ("os.kill(os.getpid(), 11)", "'killed by SIGSEGV'"),
        ("time.sleep(60)", "'took longer than the 1 s of measure.timeout_s'"),
    ],
)
def test_what_the_work_started_ends_with_it(isolated, tmp_path, last, ending):
    assert isolated(f"{START_WORKER}\n{last}", 1.0)[0] == ending
    assert ends(read_pid(tmp_path / "worker"))


@pytest.mark.parametrize(("body", "out_of_time"), [("time.sleep(60)", True), ("1 / 0", False)])
def test_a_death_says_whether_the_time_ran_out(run_python, body, out_of_time):
    done = run_python(f"{PREAMBLE}print(run_isolated(lambda: {body}, 1).out_of_time)")
    assert done.stdout == f"{out_of_time}\n"


def test_nothing_is_printed_twice(isolated):
    _, done = isolated("print('from the child')")
    assert done.stdout == "from the child\nNone\n"


def test_the_fork_runs_no_clean_up_of_the_parent(run_python):
    done = run_python(
        f"{PREAMBLE}import atexit\natexit.register(lambda: print('cleaned'))\n"
        "print('before')\nrun_isolated(lambda: None, 9)"
    )
    assert done.stdout == "before\ncleaned\n"


@pytest.mark.parametrize("way", ["SIGKILL", "SIGINT"])
def test_the_child_dies_with_its_parent(tmp_path, way):
    """Long before its time is up, and where whoever started the tests ignores SIGINT too."""
    code = (
        f"{PREAMBLE}signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def work():\n"
        "    pathlib.Path('pid').write_text(str(os.getpid()))\n    time.sleep(600)\n"
        "run_isolated(work, 600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    child = read_pid(tmp_path / "pid")
    parent.send_signal(getattr(signal, way))
    assert parent.wait(timeout=60) == -getattr(signal, way)
    assert ends(child)


def test_the_parent_uses_no_processor_while_it_waits(run_python):
    done = run_python(
        f"{PREAMBLE}"
        "def used():\n    usage = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    return usage.ru_utime + usage.ru_stime\n"
        "before = used()\nrun_isolated(lambda: time.sleep(1), 9)\nprint(used() - before)"
    )
    assert float(done.stdout) < 0.02


def test_a_process_with_torch_is_refused(run_python):
    done = run_python(f"{PREAMBLE}sys.modules['torch'] = object()\nrun_isolated(print, 1)")
    assert done.stderr.splitlines()[-1] == (
        "RuntimeError: torch is imported before the fork of the cell's child"
    )


RSS = """
import os, sys
import numpy, sqlite3
from vlmeter.machine import isolation

def read_rss():
    lines = open('/proc/self/status', encoding='utf-8').read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('RssFile'))

def fork():
    if os.fork() == 0:
        print(read_rss(), flush=True)
        os._exit(0)
    os.wait()

fork()
isolation.copy_page_tables_to_forks()
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
    asked = "print(isolation.find_hindrance(os.getpid()))"
    assert (
        run_python(f"import os\nfrom vlmeter.machine import isolation\n{asked}").stdout == "None\n"
    )


def test_an_open_gpu_is_a_hindrance(monkeypatch, tmp_path):
    monkeypatch.setattr(isolation, "Path", lambda path: tmp_path / str(path).rpartition("/")[2])
    (tmp_path / "task" / "7").mkdir(parents=True)
    (tmp_path / "fd").mkdir()
    (tmp_path / "task/7/comm").write_text("python\n", encoding="utf-8")
    (tmp_path / "fd/0").symlink_to("/dev/null")
    assert isolation.find_hindrance(7) is None
    (tmp_path / "fd/3").symlink_to("/dev/nvidiactl")
    assert isolation.find_hindrance(7) == "a GPU was opened before the fork"
