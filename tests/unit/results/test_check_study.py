"""A study fails when a cell met a bug, and only then."""

import pytest
from row_factory import make_row

from vlmeter.errors import UserError
from vlmeter.results.check_study import check_study
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import write_csv
from vlmeter.storage.files import read_json, write_json


@pytest.fixture
def summary(tmp_path):
    def make(*statuses):
        rows = [
            make_row(
                dataset="coco", cell=f"c{place}", status=status, reason=f"{status}, as it goes"
            )
            for place, status in enumerate(statuses)
        ]
        write_csv(rows, SummaryRow, tmp_path / "summary.csv")
        return tmp_path / "summary.csv"

    return make


def test_cells_that_could_not_run_do_not_fail_the_study(summary, tmp_path):
    statuses = ["ok", "ok", "unsupported", "out_of_memory", "unavailable", "crashed"]
    check_study(summary(*statuses), [], tmp_path / "check.json")
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
    with pytest.raises(UserError) as refusal:
        check_study(summary("ok", "error"), layers, tmp_path / "check.json")
    lines = str(refusal.value).splitlines()
    assert lines[0].startswith("2 of 4 cells ended in an error; the report is written")
    assert lines[1:] == [
        f"{tmp_path / 'cells' / 'coco' / 'c1' / 'record.json'}: error, as it goes",
        f"{layers[1]}: as it goes",
    ]
    assert not (tmp_path / "check.json").exists()


def test_a_profile_that_is_missing_is_named(summary, tmp_path):
    with pytest.raises(UserError, match="is missing"):
        check_study(summary("ok"), [tmp_path / "a.json"], tmp_path / "check.json")
