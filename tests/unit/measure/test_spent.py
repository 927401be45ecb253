"""Where a cell's time went adds up, and is told apart by what it was measured for."""

import time

import pytest

from vlmeter.measure.spent import TimeSpent


def test_the_parts_are_parts_of_the_whole():
    spent = TimeSpent()
    with spent.on("set_up"):
        time.sleep(0.02)
    for _ in range(2):
        with spent.on("answers"):
            time.sleep(0.01)
    with spent.on("costs"):
        time.sleep(0.02)
    told = spent.as_dict()
    assert list(told) == ["start", "set_up", "answers", "costs", "whole", "share_measured"]
    assert told["answers"] >= 0.02
    parts = sum(told[name] for name in ("start", "set_up", "answers", "costs"))
    assert parts <= told["whole"]
    measured = told["answers"] + told["costs"]
    assert told["share_measured"] == pytest.approx(measured / told["whole"])


def test_the_start_of_the_process_is_counted_in():
    begun = time.time()
    told = TimeSpent().as_dict()
    # The tests' own process has imported and run much before this.
    assert told["start"] > 0.1
    assert told["whole"] == pytest.approx(told["start"], abs=0.5)
    assert time.time() - begun < told["start"] + 1.0


def test_what_fails_is_counted_too():
    spent = TimeSpent()
    with pytest.raises(ValueError, match="in vain"), spent.on("answers"):
        time.sleep(0.01)
        raise ValueError("in vain")
    assert spent.as_dict()["answers"] >= 0.01
