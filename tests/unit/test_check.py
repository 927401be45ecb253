"""A study fails when a cell met a bug, and only then."""

import pytest

from vlmeter.check import check_study
from vlmeter.errors import UserError
from vlmeter.files import read_json, write_json


@pytest.fixture
def records(tmp_path):
    def make(*statuses):
        paths = [tmp_path / f"{index}.json" for index in range(len(statuses))]
        for path, status in zip(paths, statuses, strict=True):
            write_json(path, {"status": status, "reason": f"{status}, as it goes"})
        return paths

    return make


def test_cells_that_could_not_run_do_not_fail_the_study(records, tmp_path):
    told = ["ok", "ok", "unsupported", "out_of_memory", "unavailable", "crashed"]
    check_study(records(*told), tmp_path / "check.json")
    assert read_json(tmp_path / "check.json") == {
        "cells": 6,
        "by_status": {
            "ok": 2,
            "unsupported": 1,
            "out_of_memory": 1,
            "unavailable": 1,
            "crashed": 1,
            "error": 0,
        },
    }


def test_every_cell_with_a_bug_is_named(records, tmp_path):
    paths = records("ok", "error", "error")
    with pytest.raises(UserError) as told:
        check_study(paths, tmp_path / "check.json")
    lines = str(told.value).splitlines()
    assert lines[0].startswith("2 of 3 cells ended in an error; the report is written")
    assert lines[1:] == [f"{path}: error, as it goes" for path in paths[1:]]
    assert not (tmp_path / "check.json").exists()


def test_a_record_that_is_missing_is_told(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        check_study([tmp_path / "a.json"], tmp_path / "check.json")
