"""A child of the run's server is as good as a child of its job, and nothing depends on the server.

The server of these tests imports a module that starts at once; one test lets it import torch.
"""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from python_path import search_first

from vlmeter.machine import warm

TASKS = """
import os, pathlib, signal, subprocess, sys, time
from vlmeter.machine import warm

def run(body):
    exec(body)
"""
JOB = """
import signal
import sys
from functools import partial
from vlmeter.machine import warm
import tasks
# What a shell starts in the background ignores it, and so does all that is started there.
signal.signal(signal.SIGINT, signal.default_int_handler)
own_imports, timeout_s, body = sys.argv[1:]
death = warm.run_in_child(
    partial(tasks.run, body),
    float(timeout_s),
    {"OMP_NUM_THREADS": "1"},
    own_imports=bool(own_imports),
)
print(repr(death and (str(death.reason), death.out_of_time)))
"""
WAY = "print('cold' if warm.WAIT_FOR_FORK_S.get() is None else 'warm')"
RUN = """
import os, sys
from vlmeter.machine import warm
warm.start_server(sys.argv[1], {"OMP_NUM_THREADS": "1"}, on_cluster="cluster" in sys.argv)
print(os.environ.get(warm.ADDRESS), flush=True)
sys.stdin.read()
"""


class Run:
    """A process that stands for a run of Snakemake, with its server."""

    def __init__(
        self, folder: Path, *arguments: str, worker: str = "colorsys", **environment: str
    ) -> None:
        (folder / "tasks.py").write_text(TASKS, encoding="utf-8")
        self.folder = folder
        self.environment = {**os.environ, **search_first(folder), **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, worker, *arguments],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self.process.stdout.readline().strip()
        self.servers = psutil.Process(self.process.pid).children()

    def start(self, body=WAY, timeout_s=20, folder=None, code=JOB, own_imports=False, **variables):
        """Start a job."""
        alone = "alone" if own_imports else ""
        return subprocess.Popen(
            [sys.executable, "-c", code, alone, str(timeout_s), textwrap.dedent(body)],
            cwd=folder or self.folder,
            env={**self.environment, warm.ADDRESS: self.address, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def job(self, *arguments, **options):
        """Run a job; return what it and its child printed, and the errors."""
        job = self.start(*arguments, **options)
        printed, errors = job.communicate(timeout=60)
        assert job.returncode == 0, errors
        return printed.splitlines(), errors

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run that most tests share."""
    run = Run(tmp_path_factory.mktemp("run"))
    yield run
    run.end()


@pytest.fixture
def start_run(tmp_path):
    """Start a run for a test that ends it or changes it."""
    runs = []

    def start(**options):
        runs.append(Run(tmp_path, **options))
        return runs[-1]

    yield start
    for run in runs:
        run.end()


@pytest.fixture
def own_run(start_run):
    """A run whose server imports at once."""
    return start_run()


def wait_until(happens):
    deadline = time.monotonic() + 20
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.02)
    return happens()


def read_process(path):
    """Return the process whose id a job writes to a file."""
    assert wait_until(lambda: path.exists() and path.read_text(encoding="utf-8").endswith("."))
    return psutil.Process(int(path.read_text(encoding="utf-8")[:-1]))


def has_ended(process):
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_child_of_the_server_is_warm_and_ends_well(run):
    assert run.job()[0] == ["warm", "None"]


ENDINGS = {
    "comes to its end": ("pass", "None"),
    "raises": ("1 / 0", "('ended with exit code 70', False)"),
    "exits": ("os._exit(3)", "('ended with exit code 3', False)"),
    "crashes": ("os.kill(os.getpid(), signal.SIGSEGV)", "('killed by SIGSEGV', False)"),
    "is killed": (
        "os.kill(os.getpid(), signal.SIGKILL)",
        "('killed by SIGKILL, as the system does when memory runs out', False)",
    ),
    "hangs": ("time.sleep(60)", "('took longer than the 1 s of measure.timeout_s', True)"),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_a_child_ends_as_a_cold_one_and_the_server_goes_on(run, tmp_path, how):
    body, ending = ENDINGS[how]
    note = tmp_path / "worker"
    worker = "worker = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, stderr=-3)"
    started = f"{worker}\npathlib.Path({str(note)!r}).write_text(f'{{worker.pid}}.')\n{body}"
    seen = []
    for address in ("off", run.address):
        note.unlink(missing_ok=True)
        printed, errors = run.job(f"{WAY}\n{started}", timeout_s=1.0, **{warm.ADDRESS: address})
        assert wait_until(lambda: has_ended(read_process(note)))
        seen.append((printed, errors.splitlines()[-1:]))
    (cold, cold_errors), (forked, errors) = seen
    assert cold == ["cold", ending]
    assert forked == ["warm", ending]
    assert errors == cold_errors
    assert run.job()[0] == ["warm", "None"]


def test_a_child_has_the_folder_the_streams_and_the_environment_of_its_job(run, tmp_path):
    names = "('OMP_NUM_THREADS', 'CUDA_VISIBLE_DEVICES')"
    shown = f"print(os.getcwd(), *(os.environ[name] for name in {names}), tempfile.gettempdir())"
    body = f"import tempfile\n{WAY}\n{shown}\nprint('wrong', file=sys.stderr)"
    own = {"CUDA_VISIBLE_DEVICES": "GPU-7", "TMPDIR": str(tmp_path)}
    printed, errors = run.job(body, folder=tmp_path, **own)
    assert (printed, errors) == (["warm", f"{tmp_path} 1 GPU-7 {tmp_path}", "None"], "wrong\n")


def test_jobs_are_served_at_the_same_time(run, tmp_path):
    come = "pathlib.Path({mine!r}).touch()"
    meet = f"{come}\nwhile not pathlib.Path({{other!r}}).exists(): time.sleep(0.01)"
    places = [str(tmp_path / "a"), str(tmp_path / "b")]
    jobs = [
        run.start(f"{WAY}\n{meet.format(mine=mine, other=other)}")
        for mine, other in (places, places[::-1])
    ]
    assert [job.communicate(timeout=60)[0] for job in jobs] == ["warm\nNone\n"] * 2


COLD = {
    "another environment": {"HF_HOME": "/elsewhere"},
    "a variable that was not there": {"TORCH_LOGS": "dynamo"},
    "no server": {warm.ADDRESS: "/nowhere/server"},
    "switched off": {warm.ADDRESS: "off"},
    "imports of its own": {"own_imports": True},
}


@pytest.mark.parametrize("why", COLD)
def test_a_job_that_differs_is_cold(run, why):
    assert run.job(**COLD[why])[0] == ["cold", "None"]
    assert run.job()[0] == ["warm", "None"]


def test_a_job_that_any_environment_will_do_is_warm_in_that_of_the_server(run):
    code = JOB.replace('{"OMP_NUM_THREADS": "1"}', "None")
    assert code != JOB
    body = f"{WAY}\nprint(os.environ.get('TORCH_LOGS'))"
    assert run.job(body, code=code, TORCH_LOGS="dynamo")[0] == ["warm", "None", "None"]


def test_without_a_module_that_can_be_imported_all_jobs_are_cold(start_run):
    run = start_run(worker="no_such_module")
    assert [run.job()[0], run.job()[0]] == [["cold", "None"]] * 2


OTHERS = {
    "only the job knows its work": ("partial(tasks.run, body)", "lambda: tasks.run(body)"),
    "its work is a function within another": (
        "partial(tasks.run, body)",
        "(lambda: lambda: tasks.run(body))()",
    ),
    "its work holds what cannot be sent": (
        "partial(tasks.run, body)",
        "partial(tasks.run, memoryview(body.encode()))",
    ),
    "another interpreter": ("import tasks", "import tasks\nsys.executable = '/other/python'"),
    "other mounts": ("import tasks", "import tasks\nwarm.Path.readlink = lambda path: path"),
}


@pytest.mark.parametrize("why", OTHERS)
def test_a_job_of_another_kind_is_cold(run, why):
    assert run.job(code=JOB.replace(*OTHERS[why]))[0] == ["cold", "None"]
    assert run.job()[0] == ["warm", "None"]


def test_a_request_that_nobody_understands_ends_no_server(run):
    for message in (b"nonsense", b""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
            server.connect(run.address)
            server.send(message)
    assert run.job()[0] == ["warm", "None"]


@pytest.mark.parametrize("way", ["SIGKILL", "SIGINT"])
def test_a_child_dies_with_its_job(run, tmp_path, way):
    note = tmp_path / "pid"
    body = f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}.')\ntime.sleep(600)"
    job = run.start(body, timeout_s=600.0)
    child = read_process(note)
    job.send_signal(getattr(signal, way))
    job.communicate(timeout=60)
    assert wait_until(lambda: has_ended(child))


def test_a_child_dies_with_the_server_which_is_a_kill_and_the_next_is_cold(own_run, tmp_path):
    note = tmp_path / "pid"
    body = f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}.')\ntime.sleep(600)"
    job = own_run.start(body, timeout_s=600.0)
    child = read_process(note)
    own_run.servers[0].kill()
    assert job.communicate(timeout=60)[0].startswith("('killed by SIGKILL")
    assert wait_until(lambda: has_ended(child))
    assert own_run.job()[0] == ["cold", "None"]


def test_nothing_is_left_of_a_run_that_is_killed(own_run, tmp_path):
    note = tmp_path / "pid"
    body = f"pathlib.Path({str(note)!r}).write_text(f'{{os.getpid()}}.')\ntime.sleep(600)"
    job = own_run.start(body, timeout_s=600.0)
    processes = [read_process(note), *own_run.servers]
    own_run.process.kill()
    assert wait_until(lambda: all(map(has_ended, processes)))
    job.communicate(timeout=60)


def test_the_server_ends_with_its_run_and_leaves_no_folder(tmp_path):
    run = Run(tmp_path)
    run.end()
    assert wait_until(lambda: all(map(has_ended, run.servers)))
    assert not Path(run.address).parent.exists()


def test_others_may_not_reach_the_server(run):
    assert Path(run.address).parent.stat().st_mode & 0o077 == 0


def test_code_that_changed_since_the_server_began_is_cold(tmp_path, start_run):
    worker = tmp_path / "own.py"
    worker.touch()
    run = start_run(worker="own")
    assert run.job()[0] == ["warm", "None"]
    with (run.folder / "tasks.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    # The server itself imported nothing of it.
    assert run.job()[0] == ["warm", "None"]
    worker.write_text("# changed\n", encoding="utf-8")
    assert run.job()[0] == ["cold", "None"]


@pytest.mark.parametrize(
    ("arguments", "environment", "address"),
    [((), {warm.ADDRESS: "off"}, "off"), (("cluster",), {}, "None")],
)
def test_a_run_that_wants_none_or_is_on_a_cluster_has_no_server(
    tmp_path, arguments, environment, address
):
    run = Run(tmp_path, *arguments, **environment)
    assert (run.address, run.servers) == (address, [])
    run.end()


HINDRANCES = {
    "a thread was started before the fork": (
        "from threading import Thread\nimport time\n"
        "Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "class cuda:\n    _is_in_bad_fork = lambda: False"
    ),
    "CUDA was initialised before the fork": "class cuda:\n    _is_in_bad_fork = lambda: True",
}


@pytest.mark.parametrize("why", HINDRANCES)
def test_what_a_fork_would_not_survive_makes_a_job_cold(tmp_path, start_run, why):
    (tmp_path / "torch.py").write_text(HINDRANCES[why], encoding="utf-8")
    printed, errors = start_run(worker="torch").job()
    assert (printed, why in errors) == (["cold", "None"], True)
