"""Makes up a study and its gates, and judges them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from study_factory import AXES, MadeStudy, cell_id, list_measured
from study_steps import write_study

from vlmeter.results.gates import GatePlan, Judgement, Verdict
from vlmeter.results.judge_gates import judge_gates
from vlmeter.results.summary_row import SUMMARY_COLUMNS
from vlmeter.storage.files import read_json
from vlmeter.storage.layout import CellKey
from vlmeter.storage.typed import from_plain

BASE = CellKey("textvqa", cell_id(AXES))
SIXTEEN = CellKey("textvqa", cell_id({**AXES, "batch_size": 16}))
CUDA = CellKey("textvqa", cell_id({**AXES, "device": "cuda", "dtype": "fp16"}))
COLUMNS = {
    column.name: column.unit for column in SUMMARY_COLUMNS if column.kind in ("number", "integer")
}
"""Units of the columns that can be gated."""


def plan_gate(metric: str, *cells: CellKey, **limits: Any) -> GatePlan:
    kinds = ("max", "min", "baseline", "max_increase_percent", "max_decrease_percent")
    values = {**dict.fromkeys(kinds), **limits}
    values["baseline"] = None if values["baseline"] is None else str(values["baseline"])
    return GatePlan(
        metric=metric,
        unit=COLUMNS.get(metric, ""),
        is_column=metric in COLUMNS,
        cells=cells,
        **values,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(MadeStudy(), tmp_path_factory.mktemp("gated") / "study")


@pytest.fixture(scope="module")
def figures(study: Path) -> Callable[[CellKey], dict[str, Any]]:
    return lambda key: read_json(study / "cells" / key[0] / key[1] / "record.json")


def judge(study: Path, *plan: GatePlan) -> Judgement:
    target = study.parent / "gates.json"
    judge_gates(plan, study / "summary.csv", study / "repeatability.json", target)
    judgement = from_plain(Judgement, read_json(target), target)
    assert judgement.kept + judgement.broken == len(judgement.limits)
    return judgement


def judge_limits(study: Path, *plan: GatePlan) -> tuple[Verdict, ...]:
    return judge(study, *plan).limits


def edit_record(folder: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    made = MadeStudy()
    for record in list_measured(made):
        edit(record)
    return write_study(made, folder) / "summary.csv"


def multiply_latency(factor: float) -> Callable[[dict[str, Any]], None]:
    """Return an edit that multiplies a record's latency."""

    def edit(record: dict[str, Any]) -> None:
        record["latency"] *= factor
        rounds = record["latency_detail"]["rounds_s"]
        record["latency_detail"]["rounds_s"] = [seconds * factor for seconds in rounds]

    return edit


@pytest.fixture(scope="module")
def multiplied(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """Give the summary of the study with its latency multiplied; not to be changed."""
    return cache(
        lambda factor: edit_record(
            tmp_path_factory.mktemp("multiplied") / "base", multiply_latency(factor)
        )
    )
