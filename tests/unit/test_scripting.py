"""What surrounds the one call of every script."""

import pytest

PREAMBLE = """
import os, subprocess, sys
from vlmeter.errors import UserError
from vlmeter.scripting import run_job, run_measuring_job
"""
JOBS = {"working": "run_job('logs/a.log', ", "measuring": "run_measuring_job('logs/a.log', 'cpu', "}


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


def test_a_bug_shows_its_traceback_in_the_log(job):
    log, done = job("raise KeyError('lost')")
    assert log.startswith("Traceback (most recent call last):")
    assert log.endswith("KeyError: 'lost'\n")
    assert (done.stderr, done.returncode) == ("", 1)


def test_a_second_run_begins_the_log_anew(job):
    job("print('first')")
    assert job("print('second')")[0] == "second\n"
