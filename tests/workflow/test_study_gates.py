"""A limit that is broken makes the run fail, after its report and with a table; a kept one not."""

import re
import shutil

from small_study import CUDA_CELL, cell_id
from studytree import Tree

JUDGED = {("judge_gates",), ("render_report",), ("check_study",)}


def test_a_broken_gate_fails_the_run_after_the_report_and_a_kept_one_does_not(tree: Tree) -> None:
    with tree.config() as config:
        config["gates"] = [
            {"metric": "latency", "max": 1e-6, "cells": {"batch_size": 2}},
            {"metric": "latency", "max": 3600, "cells": {"device": "cpu"}},
            {"metric": "wer_value", "max": 1e9, "sections": ["device"]},
        ]

    failed = tree.run()

    assert failed.code == 1
    assert failed.names == JUDGED
    lines = failed.text.splitlines()
    (first,) = (place for place, line in enumerate(lines) if "limits are broken" in line)
    assert lines[first].strip().startswith("2 of 8 limits are broken; the report is written")
    table = [re.split(r" {2,}", line.strip()) for line in lines[first + 1 : first + 4]]
    assert [row[0] for row in table] == [
        "limit",
        "latency at most 1.00 µs",
        "wer_value at most 1.00e+09",
    ]
    slow, lost = table[1:]
    assert slow[1:3] == ["textvqa", cell_id(batch_size=2)]
    assert lost[1:3] == list(CUDA_CELL)
    assert lost[3].startswith("not measured: unavailable: ")
    assert not tree.result("check.json").exists()
    assert tree.json("gates.json")["broken"] == 2
    assert "**Warning**: Gates: 2 of 8 limits are broken" in tree.result("report.md").read_text()

    with tree.config() as config:
        del config["gates"][2], config["gates"][0]
    passed = tree.run()
    assert passed.code == 0, passed.text
    assert passed.names == JUDGED
    assert tree.json("check.json")["gates"] == {"kept": 5, "broken": 0}
    assert tree.plan().names == set()


def test_a_study_is_held_against_an_earlier_one_and_a_changed_baseline_judges_again(
    tree: Tree,
) -> None:
    kept = tree.path("kept")
    kept.mkdir()
    for name in ("summary.csv", "repeatability.json", "tables.json"):
        shutil.copy(tree.result(name), kept / name)
    with tree.config() as config:
        gate = {"baseline": "kept/summary.csv", "cells": {"device": "cpu"}}
        config["gates"] = [
            {"metric": "latency", "max_increase_percent": 0, **gate},
            {"metric": "wer_value", "max_increase_percent": 0, **gate},
        ]

    assert tree.run().code == 0
    assert tree.json("gates.json")["kept"] == 10

    (kept / "tables.json").unlink()
    (kept / "summary.csv").write_text((kept / "summary.csv").read_text() + "\n")
    assert tree.plan().names == JUDGED


def test_a_gate_that_names_nothing_is_reported_before_any_job(tree: Tree) -> None:
    with tree.config() as config:
        config["gates"] = [
            {"metric": "latencyy", "max": 1},
            {"metric": "latency", "baseline": "kept/summary.csv", "max_increase_percent": 5},
        ]

    refused = tree.run()

    assert refused.code == 1
    assert refused.jobs == ()
    messages = refused.text.splitlines()[1:]
    assert messages == [
        f'{tree.path("study.yaml")}: gates[0].metric: "latencyy" is no figure of this study; '
        'did you mean "latency"?',
        f"{tree.path('study.yaml')}: gates[1].baseline: kept/summary.csv is no file; "
        "give the summary.csv of a finished study",
    ]
