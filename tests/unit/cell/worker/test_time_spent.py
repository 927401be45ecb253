"""The seconds of a cell's process, by what they were spent on."""

import time

import pytest

from vlmeter.cell.worker.time_spent import TimeSpent
from vlmeter.machine.warm import WAIT_FOR_FORK_S


def test_the_parts_are_parts_of_the_whole():
    spent = TimeSpent()
    with spent.on("set_up"):
        time.sleep(0.02)
    for _ in range(2):
        with spent.on("answers"):
            time.sleep(0.01)
    with spent.on("costs"):
        time.sleep(0.02)
    seconds = spent.as_dict()
    assert list(seconds) == ["start", "set_up", "answers", "costs", "whole", "share_measured"]
    assert seconds["answers"] >= 0.02
    parts = sum(seconds[name] for name in ("start", "set_up", "answers", "costs"))
    assert parts <= seconds["whole"]
    measured = seconds["answers"] + seconds["costs"]
    assert seconds["share_measured"] == pytest.approx(measured / seconds["whole"])


def test_the_start_of_the_process_is_counted_in():
    begun = time.time()
    seconds = TimeSpent().as_dict()
    # The tests' own process has imported and run much before this.
    assert seconds["start"] > 0.1
    assert seconds["whole"] == pytest.approx(seconds["start"], abs=0.5)
    assert time.time() - begun < seconds["start"] + 1.0


FORK = """
import os
from vlmeter.cell.worker.time_spent import TimeSpent
if os.fork() == 0:
    print(TimeSpent().as_dict()["start"], flush=True)
    os._exit(0)
os.wait()
"""


def test_a_process_that_has_just_begun_is_not_older(run_python):
    assert 0.0 <= float(run_python(FORK).stdout) < 0.2


def test_what_fails_is_counted_too():
    spent = TimeSpent()
    with pytest.raises(ValueError, match="in vain"), spent.on("answers"):
        time.sleep(0.01)
        raise ValueError("in vain")
    assert spent.as_dict()["answers"] >= 0.01


def test_a_fork_of_the_server_counts_what_its_job_waited():
    without = TimeSpent().as_dict()
    reset = WAIT_FOR_FORK_S.set(100.0)
    seconds = TimeSpent().as_dict()
    WAIT_FOR_FORK_S.reset(reset)
    assert seconds["wait_for_fork"] == 100.0
    assert seconds["start"] - without["start"] == pytest.approx(100.0, abs=1.0)
    assert "wait_for_fork" not in without
