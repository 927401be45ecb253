"""A study fails when a cell met a bug, and only then."""

import pytest

from vlmeter.errors import UserError
from vlmeter.results.check_study import check_study
from vlmeter.results.summary_row import SUMMARY_COLUMNS
from vlmeter.results.tables import write_csv
from vlmeter.storage.files import read_json, write_json


@pytest.fixture
def summary(tmp_path):
    def make(*statuses):
        rows = [
            {"dataset": "coco", "cell": f"c{place}", "status": one, "reason": f"{one}, as it goes"}
            for place, one in enumerate(statuses)
        ]
        every = {column.name: None for column in SUMMARY_COLUMNS}
        write_csv([every | row for row in rows], SUMMARY_COLUMNS, tmp_path / "summary.csv")
        return tmp_path / "summary.csv"

    return make


def test_cells_that_could_not_run_do_not_fail_the_study(summary, tmp_path):
    told = ["ok", "ok", "unsupported", "out_of_memory", "unavailable", "crashed"]
    check_study(summary(*told), [], tmp_path / "check.json")
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


def test_every_cell_and_profile_with_a_bug_is_named_by_its_record(summary, tmp_path):
    layers = [tmp_path / "layers" / "coco" / f"{name}.json" for name in ("good", "bad")]
    for path, status in zip(layers, ("ok", "error"), strict=True):
        write_json(path, {"status": status, "reason": "as it goes"})
    with pytest.raises(UserError) as told:
        check_study(summary("ok", "error"), layers, tmp_path / "check.json")
    lines = str(told.value).splitlines()
    assert lines[0].startswith("2 of 4 cells ended in an error; the report is written")
    assert lines[1:] == [
        f"{tmp_path / 'cells' / 'coco' / 'c1' / 'record.json'}: error, as it goes",
        f"{layers[1]}: as it goes",
    ]
    assert not (tmp_path / "check.json").exists()


def test_a_profile_that_is_missing_is_told(summary, tmp_path):
    with pytest.raises(UserError, match="is missing"):
        check_study(summary("ok"), [tmp_path / "a.json"], tmp_path / "check.json")
