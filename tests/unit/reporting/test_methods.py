"""The methods paragraph of a paper."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from study_factory import MadeStudy, make_comparisons
from study_steps import write_study

from vlmeter import cli
from vlmeter.errors import UserError
from vlmeter.reporting.methods import collect_methods, write_methods
from vlmeter.results.exported import Exported, read_exported
from vlmeter.status import Status


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    study = MadeStudy()
    return write_study(study, tmp_path_factory.mktemp("study"), make_comparisons(study.outline))


@pytest.fixture(scope="module")
def study(folder: Path) -> Exported:
    return read_exported(folder)


@pytest.fixture(scope="module")
def rows(study: Exported):
    return [row for row in study.rows.values() if row.status == Status.OK]


def test_it_is_printed_with_the_study_s_own_numbers(folder, study, rows, capsys) -> None:
    cli.main(["methods", str(folder)])
    text = capsys.readouterr().out
    assert text.strip() == write_methods(folder)
    row = rows[0]
    for words in (
        f"VLMeter {study.version}",
        str(row.machine_cpu),
        f"{len(rows)} of {len(study.rows)} settings were measured",
        "batch size (samples) (1, 4, 8, 16)",
        f"torch {json.loads(row.software)['torch']}",
        f"exactly {row.new_tokens} new tokens",
        f"in {len(json.loads(row.latency_rounds_s))} rounds",
        *(dataset.label for dataset in study.outline.datasets.values()),
        *(model.label for model in study.outline.models.values()),
    ):
        assert words in text, words


def test_it_is_plain_text_of_whole_sentences(folder) -> None:
    text = write_methods(folder)
    assert not re.search(r"\{[%{#]|None|  | [,.;:]|\(\)|\)\w", text)
    assert all(block[0].isupper() and block.endswith(".") for block in text.split("\n\n"))


def test_values_that_differ_stand_side_by_side_and_equal_ones_once(study, rows) -> None:
    later = [replace(row, latency_iterations=7_000) for row in rows]
    other = [replace(row, git_commit="f" * 40, machine_cpu="Another CPU") for row in rows]
    methods = collect_methods(study, [*rows, *later, *other])
    assert methods.iterations.endswith(" to 7000")
    assert methods.machine.count(";") == 1
    assert methods.commits.endswith("; ffffffffffff")
    alike = collect_methods(study, [rows[0], rows[0]])
    assert alike.iterations == str(rows[0].latency_iterations)
    assert ";" not in alike.machine


def test_what_was_disturbed_or_left_out_is_said(study, rows) -> None:
    doubtful = [replace(row, disturbed=True, bad_samples=2) for row in rows]
    methods = collect_methods(study, doubtful)
    assert methods.disturbed == len(rows)
    assert all(dataset.bad_samples == 2 for dataset in methods.datasets)
    assert not collect_methods(study, rows).disturbed


def test_how_energy_was_got_is_said_part_by_part(study, rows) -> None:
    row = replace(
        rows[0],
        energy_cpu_kind="measured",
        energy_cpu_method="RAPL",
        energy_gpu_kind="measured",
        energy_gpu_method="NVML",
        energy_ram_kind=None,
        energy_ram_method=None,
    )
    assert collect_methods(study, [row]).energy == "CPU: measured, RAPL; GPU: measured, NVML"


def test_without_a_measurement_there_is_no_method(tmp_path, monkeypatch, study) -> None:
    failed = {key: replace(row, status=Status.ERROR) for key, row in study.rows.items()}
    monkeypatch.setattr(
        "vlmeter.reporting.methods.read_exported", lambda _: replace(study, rows=failed)
    )
    with pytest.raises(UserError, match="nothing was measured"):
        write_methods(tmp_path)
