"""A study fails when a cell met a bug, and only then."""

from pathlib import Path
from typing import Any

import pytest
from gate_factory import BASE, SIXTEEN, judge_limits, plan_gate, study
from row_factory import make_row

from vlmeter.errors import UserError
from vlmeter.results.check_study import check_study, describe_finding, describe_limit
from vlmeter.results.gates import Cause, LimitKind, Obstacle, Verdict
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import read_summary
from vlmeter.results.write_tables import write_csv
from vlmeter.storage.files import read_json, write_json

__all__ = ["study"]


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


def make_verdict(kind: LimitKind = LimitKind.INCREASE, **values: Any) -> Verdict:
    figures = {"metric": "latency", "unit": "s", "bound": 2.5, "value": 0.25}
    place = {"gate": 0, "baseline": "kept.csv", "dataset": "coco", "cell": "c"}
    return Verdict(**{**figures, **place, "kind": kind, **values})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (LimitKind.MAX, "latency at most 2.50 s"),
        (LimitKind.MIN, "latency at least 2.50 s"),
        (LimitKind.INCREASE, "latency at most 2.5 % above kept.csv"),
        (LimitKind.DECREASE, "latency at most 2.5 % below kept.csv"),
    ],
)
def test_a_limit_is_said_with_its_side(kind, words):
    assert describe_limit(make_verdict(kind)) == words


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({}, "250 ms"),
        ({"base": 0.5, "difference": -0.25}, "250 ms, -50 % no interval"),
        (
            {"base": 0.5, "difference": -0.25, "low": -0.375, "high": -0.125},
            "250 ms, -50 % [-75 %, -25 %]",
        ),
        # Further below zero is less, and of nothing there is no share.
        ({"base": -0.5, "difference": -0.25}, "250 ms, -50 % no interval"),
        ({"base": 0.0, "difference": 0.25}, "250 ms, +0.250 no interval"),
    ],
)
def test_a_figure_is_said_with_its_share_of_the_baseline(figures, words):
    assert describe_finding(make_verdict(**figures)) == words


@pytest.mark.parametrize(
    ("obstacle", "words"),
    [
        (Obstacle(Cause.NOT_MEASURED, None, ""), "not measured"),
        (Obstacle(Cause.NOT_MEASURED, "out_of_memory", ""), "not measured: out of memory"),
        (Obstacle(Cause.NOT_MEASURED, "crashed", "why"), "not measured: crashed: why"),
        (Obstacle(Cause.NOT_MEASURED, None, "not measured: why"), "not measured: why"),
        (Obstacle(Cause.BASELINE_NOT_MEASURED, None, "why"), "of the baseline: not measured: why"),
        (Obstacle(Cause.BASELINE_LACKS_CELL, None, ""), "the baseline has no such cell"),
        (Obstacle(Cause.BASELINE_UNREADABLE, None, "kept.csv is damaged"), "kept.csv is damaged"),
    ],
)
def test_an_obstacle_is_said_with_its_reason(obstacle, words):
    assert describe_finding(make_verdict(obstacle=obstacle)) == words


def test_broken_limits_fail_the_study_with_a_table(study, tmp_path: Path) -> None:
    verdicts = judge_limits(
        study,
        plan_gate("latency", BASE, SIXTEEN, max=0.05),
        plan_gate("energy", BASE, min=5, max=9),
    )
    assert [verdict.kept for verdict in verdicts] == [True, False, True, False]
    with pytest.raises(UserError) as refusal:
        check_study(study / "summary.csv", [], tmp_path / "check.json", study.parent / "gates.json")
    first, heading, *rows = str(refusal.value).splitlines()
    assert first.startswith("2 of 4 limits are broken; the report is written, and ")
    assert [row.split("  ")[0] for row in (heading, *rows)] == [
        "limit",
        "latency at most 50.0 ms",
        "energy at least 5.00 J",
    ]
    starts = {row.index("textvqa") for row in rows} | {heading.index("data set")}
    assert len(starts) == 1
    assert not (tmp_path / "check.json").exists()


def test_kept_limits_are_counted_in_the_check(study, tmp_path: Path) -> None:
    judge_limits(study, plan_gate("latency", BASE, SIXTEEN, max=10))
    check_study(study / "summary.csv", [], tmp_path / "check.json", study.parent / "gates.json")
    assert read_json(tmp_path / "check.json")["gates"] == {"kept": 2, "broken": 0}


def test_a_bug_and_a_broken_limit_are_both_reported(study, tmp_path: Path) -> None:
    judge_limits(study, plan_gate("latency", BASE, max=1e-9))
    profile = tmp_path / "layers.json"
    write_json(profile, {"status": "error", "reason": "as it goes"})
    summary = study / "summary.csv"
    with pytest.raises(UserError) as refusal:
        check_study(summary, [profile], tmp_path / "check.json", study.parent / "gates.json")
    text = str(refusal.value)
    assert f"1 of {len(read_summary(summary)) + 1} cells ended in an error" in text
    assert "1 of 1 limits is broken" in text
