"""What surrounds the one call of every script."""

import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from python_path import search_first
from study_factory import make_outline

from vlmeter.results.outline import Outline
from vlmeter.scripting import pack, unpack

PREAMBLE = """
import os, subprocess, sys
from vlmeter.errors import UserError
from vlmeter.scripting import run_job, run_measuring_job
"""
JOBS = {
    "working": "run_job('logs/a.log', ",
    "measuring": "run_measuring_job('logs/a.log', 'cpu', 0, ",
}


@pytest.fixture(params=JOBS)
def job(run_python, tmp_path, request):
    """Run a body as a job; return its log and its process."""

    def run(body):
        code = (
            f"{PREAMBLE}def work(*args, **kwargs):\n    {body}\n{JOBS[request.param]}work, 3, b=4)"
        )
        done = run_python(code)
        return (tmp_path / "logs/a.log").read_text(), done

    return run


def test_all_that_is_printed_goes_to_the_log(job):
    log, done = job(
        "print(args, kwargs); subprocess.run(['echo', 'child']); os.write(2, b'low\\n')"
    )
    assert sorted(log.splitlines()) == ["(3,) {'b': 4}", "child", "low"]
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_a_users_mistake_is_one_sentence_without_a_traceback(job):
    log, done = job("raise UserError('photos.parquet has no column x: give another.')")
    assert log == "photos.parquet has no column x: give another.\n"
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 1)


def test_a_full_disk_is_one_sentence_without_a_traceback(job):
    log, done = job("raise OSError(28, 'No space left on device', 'samples.parquet')")
    assert log == (
        "There is no room left on the disk ([Errno 28] No space left on device: "
        "'samples.parquet'): make some and run again.\n"
    )
    assert done.returncode == 1


def test_a_file_that_grows_beyond_its_limit_leaves_nothing(job, tmp_path):
    log, done = job(
        "import resource; from pathlib import Path; from vlmeter.storage.files import write_bytes; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "write_bytes(Path('kept/big.bin'), bytes(2000))"
    )
    assert log.startswith("There is no room left on the disk ([Errno 27] File too large")
    assert done.returncode == 1
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_bug_shows_its_traceback_in_the_log(job):
    log, done = job("raise KeyError('lost')")
    assert log.startswith("Traceback (most recent call last):")
    assert log.endswith("KeyError: 'lost'\n")
    assert (done.stderr, done.returncode) == ("", 1)


def test_a_second_run_begins_the_log_anew(job):
    job("print('first')")
    assert job("print('second')")[0] == "second\n"


FAKE_NVML = Path(__file__).parents[1] / "workflow/fakes/gpu"


def uuid(number):
    return f"GPU-00000000-0000-0000-0000-{number:012}"


@pytest.fixture
def seen_by_cuda(run_python, tmp_path):
    """Run a measuring job on a machine with three GPUs; return what CUDA would see in it."""

    def run(gpus, visible):
        done = run_python(
            f"{PREAMBLE}run_measuring_job('a.log', 'cuda', {gpus}, lambda: "
            "print(os.environ.get('CUDA_VISIBLE_DEVICES')))",
            **search_first(FAKE_NVML),
            FAKE_GPUS="3",
            CUDA_VISIBLE_DEVICES=visible,
        )
        assert done.returncode == 0, (tmp_path / "a.log").read_text()
        return (tmp_path / "a.log").read_text().strip()

    return run


@pytest.mark.parametrize(
    ("gpus", "visible", "seen"),
    [
        (1, "0,1,2", uuid(1)),
        (1, "2", uuid(3)),
        (1, f"{uuid(2)},0", uuid(2)),
        (2, f"2,{uuid(1)}", f"{uuid(3)},{uuid(1)}"),
        # Too few: nothing is measured, so nothing is hidden.
        (2, "1", "1"),
        (1, "", ""),
    ],
)
def test_a_job_sees_its_gpus_alone_of_those_that_it_may_use(seen_by_cuda, gpus, visible, seen):
    assert seen_by_cuda(gpus, visible) == seen


LOOK = """
import fcntl
def look(name):
    path = os.path.join(os.environ["VLMETER_LOCK_DIR"], f"{name}.lock")
    for state, kind in (("free", fcntl.LOCK_EX), ("shared", fcntl.LOCK_SH)):
        with open(path, "a") as file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
                return state
            except BlockingIOError:
                pass
    return "alone"
"""
"""How others would find a lock: free, shared by its kind, or held by one alone."""
NAMES = ["working", "gpu-measuring", *(f"card-{uuid(number)}" for number in (1, 2, 3))]


@pytest.mark.parametrize(
    ("job", "states"),
    [
        ("run_job('a.log', ", ["shared", "free", "free", "free", "free"]),
        ("run_measuring_job('a.log', 'cpu', 0, ", ["alone", "alone", "free", "free", "free"]),
        ("run_measuring_job('a.log', 'cuda', 1, ", ["free", "shared", "alone", "free", "free"]),
        ("run_measuring_job('a.log', 'cuda', 2, ", ["free", "shared", "alone", "alone", "free"]),
        # There are three: it measures nothing, and keeps nobody from measuring.
        ("run_measuring_job('a.log', 'cuda', 4, ", ["free"] * 5),
    ],
)
def test_a_job_takes_its_locks_while_it_works_and_no_others(run_python, tmp_path, job, states):
    (tmp_path / "locks").mkdir()
    done = run_python(
        f"{PREAMBLE}{LOOK}"
        f"{job}lambda: print(*map(look, {NAMES})))\n"
        # Descriptor 1 is the log's by now.
        f"print(*map(look, {NAMES}), flush=True)",
        **search_first(FAKE_NVML),
        FAKE_GPUS="3",
        CUDA_VISIBLE_DEVICES="0,1,2",
    )
    assert done.returncode == 0, (tmp_path / "a.log").read_text()
    during, after = (tmp_path / "a.log").read_text().splitlines()
    assert during.split() == states
    assert after.split() == ["free"] * 5


def test_results_that_cannot_be_written_are_reported_in_the_log_and_on_the_terminal(job):
    words = "The results cannot be written ([Errno 30] Read-only file system: 'r.json')"
    log, done = job("raise OSError(30, 'Read-only file system', 'r.json')")
    assert log == f"{words}: make their folder writable and run again.\n"
    assert done.stderr.startswith(words)
    assert done.returncode == 1


def test_a_job_dies_with_the_run_that_started_it(tmp_path):
    work = "pathlib.Path('pid').write_text(str(os.getpid())), time.sleep(60)"
    script = f"{PREAMBLE}import pathlib, time\nrun_job('a.log', lambda: ({work}))"
    run = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, sys; subprocess.run([sys.executable, '-c', {script!r}])",
        ],
        cwd=tmp_path,
        env={**os.environ, "VLMETER_LOCK_DIR": str(tmp_path / "locks")},
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    job = psutil.Process(int((tmp_path / "pid").read_text()))
    run.kill()
    run.wait()
    assert psutil.wait_procs([job], timeout=10)[1] == []


def test_params_come_back_as_they_were_packed_and_are_shown_as_a_digest():
    outline = replace(make_outline(), title="</script><b>")
    packed = pack(outline)
    assert unpack(Outline, pickle.loads(pickle.dumps(packed))) == outline
    shown = f"outline={packed}"
    assert len(shown) < 80
    assert not set(shown) & {"<", ">"}
    other = pack(replace(outline, title="another"))
    assert str(other) != str(packed)
    # Snakemake compares this, to see whether a job is out of date.
    assert "another" in repr(other)
