"""Which cells a gate holds, and which gates are refused."""

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vlmeter.cli import main
from vlmeter.config.load import check_config
from vlmeter.errors import UserError
from vlmeter.results.gates import LimitKind
from vlmeter.study.gates import check_gates, list_baseline_files, plan_gates
from vlmeter.study.study import Study


@pytest.fixture
def study(values: dict[str, Any]) -> Callable[..., Study]:
    """The small study with gates."""
    return lambda *gates: Study(check_config({**values, "gates": list(gates)}, "my.yaml"))


ALL = [
    ("photos", "tiny-bs1-img224"),
    ("photos", "tiny-bs4-img224"),
    ("exams", "tiny-bs1-img224"),
    ("photos", "tiny-bs1-img448"),
    ("exams", "tiny-bs1-img448"),
]


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ({}, ALL),
        ({"sections": ["batches"]}, ALL[:2]),
        ({"datasets": ["exams"]}, [ALL[2], ALL[4]]),
        ({"cells": {"batch_size": 4}}, [ALL[1]]),
        ({"cells": {"image_size": 448}, "datasets": ["photos"]}, [ALL[3]]),
        ({"sections": ["sizes"], "cells": {"device": "cpu", "image_size": 224}}, [ALL[0], ALL[2]]),
        ({"metric": "vqa_accuracy"}, [ALL[0], ALL[1], ALL[3]]),
        ({"metric": "accuracy"}, [ALL[2], ALL[4]]),
    ],
)
def test_a_gate_holds_the_cells_that_it_selects(study, selected, expected) -> None:
    (gate,) = plan_gates(study({"metric": "latency", "max": 1, **selected}))
    assert [(key.dataset, key.cell.split("-len")[0]) for key in gate.cells] == expected


def test_a_plan_holds_the_limits_as_the_config_gives_them(study) -> None:
    limits = {"max": 4.0, "min": 3.0, "max_increase_percent": 2.0, "max_decrease_percent": 1.0}
    column, metric = plan_gates(
        study(
            {"metric": "latency", "baseline": "kept.csv", **limits},
            {"metric": "accuracy", "min": 0.5},
        )
    )
    assert {name: getattr(column, name) for name in limits} == limits
    assert (column.metric, column.unit, column.is_column) == ("latency", "s", True)
    assert (column.baseline, metric.baseline) == ("kept.csv", None)
    assert (metric.metric, metric.unit, metric.is_column) == ("accuracy", "", False)
    assert metric.list_bounds() == [(LimitKind.MIN, 0.5)]


def test_a_study_without_gates_has_no_plan(study) -> None:
    assert plan_gates(study()) == ()
    check_gates(study(), "my.yaml")


MISTAKES = {
    "no limit": ({"metric": "latency"}, ["gates[0]", "has no limit"]),
    "percent without a baseline": (
        {"metric": "latency", "max_increase_percent": 1},
        ["gates[0]", "needs a `baseline`"],
    ),
    "a baseline without percent": (
        {"metric": "latency", "max": 1, "baseline": "a.csv"},
        ["gates[0]", "needs `max_increase_percent` or `max_decrease_percent`"],
    ),
    "max below min": ({"metric": "latency", "max": 1, "min": 2}, ["max 1 is below min 2"]),
    "not a number": (
        {"metric": "latency", "max": float("nan")},
        ["gates[0].max", "finite number"],
    ),
    "a negative allowance": (
        {"metric": "latency", "baseline": "a.csv", "max_increase_percent": -1},
        ["gates[0].max_increase_percent", "greater than or equal to 0"],
    ),
    "an unknown key": ({"metric": "latency", "mx": 1}, ['unknown key "mx"', 'did you mean "max"?']),
    "an unknown metric": (
        {"metric": "latencyy", "max": 1},
        ["gates[0].metric", '"latencyy" is no figure', 'did you mean "latency"?'],
    ),
    "a column of texts": (
        {"metric": "software", "max": 1},
        ["gates[0].metric", '"software" is no figure', "docs/columns.md"],
    ),
    "a metric of no task here": (
        {"metric": "cider_d", "max": 1},
        ["gates[0].metric", '"cider_d" is no figure'],
    ),
    "a metric of another task": (
        {"metric": "accuracy", "max": 1, "datasets": ["photos"]},
        ["gates[0].datasets", '"photos" is scored without accuracy: its task is vqa'],
    ),
    "an unknown section": (
        {"metric": "latency", "max": 1, "sections": ["batch"]},
        ["gates[0].sections", '"batch" is not defined', 'did you mean "batches"?'],
    ),
    "an unknown data set": (
        {"metric": "latency", "max": 1, "datasets": ["photo"]},
        ["gates[0].datasets", '"photo" is not defined', 'did you mean "photos"?'],
    ),
    "an unknown model": (
        {"metric": "latency", "max": 1, "cells": {"model": "tinny"}},
        ["gates[0].cells.model", '"tinny" is not defined', 'did you mean "tiny"?'],
    ),
    "an unknown optimisation": (
        {"metric": "latency", "max": 1, "cells": {"optimization": "eagre"}},
        ["gates[0].cells.optimization", '"eagre" is not defined', 'did you mean "eager"?'],
    ),
    "an unknown prompt": (
        {"metric": "latency", "max": 1, "cells": {"prompt": "bear"}},
        ["gates[0].cells.prompt", '"bear" is not defined', 'did you mean "bare"?'],
    ),
    "no cell": (
        {"metric": "latency", "max": 1, "cells": {"batch_size": 64}},
        ["gates[0] (latency)", "no cell is meant"],
    ),
    "a baseline that is not there": (
        {"metric": "latency", "baseline": "kept/summary.csv", "max_increase_percent": 1},
        ["gates[0].baseline", "kept/summary.csv is no file"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_gate_that_cannot_be_is_refused_in_a_sentence(study, mistake: str) -> None:
    gate, words = MISTAKES[mistake]
    with pytest.raises(UserError) as refusal:
        check_gates(study(gate), "my.yaml")
    sentence = str(refusal.value)
    assert len(sentence.splitlines()) == 1
    for word in ("my.yaml: ", *words):
        assert word in sentence


def test_a_study_is_not_held_against_itself(study, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "results/small/summary.csv"
    own.parent.mkdir(parents=True)
    own.touch()
    gate = {"metric": "latency", "baseline": str(own), "max_increase_percent": 1}
    with pytest.raises(UserError, match="a result of this very study"):
        check_gates(study(gate), "my.yaml")


def test_a_baseline_is_read_with_what_lies_beside_it(study, tmp_path: Path) -> None:
    kept = tmp_path / "summary.csv"
    kept.touch()
    gate = {"metric": "latency", "baseline": str(kept), "max_increase_percent": 1}
    assert list_baseline_files(study(gate, gate)) == [str(kept)]
    (tmp_path / "repeatability.json").touch()
    assert list_baseline_files(study(gate)) == [str(kept), str(tmp_path / "repeatability.json")]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_baseline_is_named_in_either_form_of_unicode(study, tmp_path: Path, form) -> None:
    kept = tmp_path / unicodedata.normalize("NFD", "été/kept.csv")
    kept.parent.mkdir()
    kept.touch()
    named = str(tmp_path / unicodedata.normalize(form, "été/kept.csv"))
    gated = study({"metric": "latency", "baseline": named, "max_increase_percent": 1})
    check_gates(gated, "my.yaml")
    assert list_baseline_files(gated) == [str(kept)]
    assert [gate.baseline for gate in plan_gates(gated)] == [str(kept)]


def test_vlmeter_plan_refuses_it_too(values, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    gates = [{"metric": "latencyy", "max": 1}]
    file.write_text(yaml.safe_dump({**values, "gates": gates}))
    with pytest.raises(SystemExit, match=r"gates\[0\]\.metric"):
        main(["plan", str(file)])
