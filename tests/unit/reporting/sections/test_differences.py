from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from row_factory import make_difference, make_row
from study_factory import (
    AXES,
    DATASETS,
    MadeStudy,
    cell_id,
    make_comparisons,
    make_outline,
    make_section,
)
from study_steps import render_all

from vlmeter.config.load import load_config
from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.formats import format_difference
from vlmeter.reporting.sections.differences import (
    MOST_DRIFTED,
    build_difference_table,
    build_drift_table,
)
from vlmeter.reporting.sections.rows import collect_section_rows
from vlmeter.results.numbers import format_signed, format_signed_percent
from vlmeter.results.tables import read_differences, read_summary
from vlmeter.storage.layout import DifferenceKey
from vlmeter.study.comparisons import plan_comparisons
from vlmeter.study.outline import build_outline
from vlmeter.study.study import Study

CONFIG = Path(__file__).parents[4] / "config" / "demo.yaml"


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Difference(0.5, 0.2, 0.8), "+0.500 [+0.200, +0.800]"),
        (Difference(-0.5, -0.8, -0.2), "-0.500 [-0.800, -0.200]"),
        (Difference(0.1, -0.2, 0.4), "no difference [-0.200, +0.400]"),
        (Difference(0.0, 0.0, 0.0), "no difference"),
        (Difference(0.5, None, None), "+0.500, no interval"),
    ],
)
def test_a_difference_has_its_interval_or_is_none(difference, words):
    assert format_difference(difference, format_signed) == words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1e-5, "0 %"),
        (0.0031, "+0.3 %"),
        (0.0004, "0 %"),
        (0.004 + 0.1, "+10 %"),
        (0.031, "+3.1 %"),
        (-0.031, "-3.1 %"),
        (0.99, "+99 %"),
        (1.5, "2.5×"),
        (30.0, "31×"),
    ],
)
def test_shares_have_a_sign(share, text):
    assert format_signed_percent(share) == text


def build_table(study: MadeStudy, folder: Any, name: str) -> Any:
    files = render_all(study, folder, draw=False)
    (section,) = [section for section in study.outline.sections if section.name == name]
    labels = study.outline.labels.datasets
    rows = collect_section_rows(section, labels, read_summary(files.summary))
    return build_difference_table(rows, read_differences(files.differences))


def test_every_cell_but_the_first_of_its_data_set_is_compared(tmp_path):
    table = build_table(MadeStudy(), tmp_path, "input_length")
    assert (
        table.caption
        == "Difference from the same data set at text ≤ 200 tokens, with its 95 % interval"
    )
    assert table.table.headings == (
        *("Input length", "Data set", "Latency", "Energy", "WER", "Task metric"),
        *("Answers changed", "Notes"),
    )
    assert [line[:2] for line in table.table.rows] == [
        (length, name) for length in ("100", "50") for name in ("COCO", "ScienceQA", "TextVQA")
    ]
    coco, cut = table.table.rows[0], table.table.rows[4]
    assert coco[2].startswith("no difference [")
    assert coco[4:] == ("no difference", "no difference", "0 of 4", "= A")
    # The question was cut: 2 % more word errors, and another last answer.
    assert cut[4].startswith("+0.418 [")
    assert cut[6] == "1 of 4"


@pytest.mark.parametrize(
    ("place", "marks"),
    [(1, ["disturbed", "", ""]), (0, ["compared with a disturbed one"] * 3)],
)
def test_a_difference_of_a_disturbed_measurement_is_marked(tmp_path, place, marks):
    study = MadeStudy()
    key = study.outline.sections[0].cells[place].key
    study.records[key]["conditions"]["disturbed"] = True
    table = build_table(study, tmp_path, "batch_size")
    assert [row[-1] for row in table.table.rows] == marks


def test_a_difference_without_a_cause_is_named(tmp_path):
    # Among many lengths that cut nothing: in a study that repeats little, such a difference shows
    # that measurements repeat badly.
    outline = make_outline()
    lengths = list(range(100, 200, 10))
    long = make_section(
        "long", "Long", list(DATASETS), {"batch_size": 16}, "max_input_len", lengths
    )
    study = MadeStudy(replace(outline, sections=(*outline.sections, long)))
    (section,) = [section for section in study.outline.sections if section.name == "image_size"]
    detail = study.records[section.cells[3].key]["latency_detail"]
    detail["rounds_s"] = [seconds * 2 for seconds in detail["rounds_s"]]
    table = build_table(study, tmp_path, "image_size")
    assert table.table.rows[0][2].startswith("2.0×")
    assert table.notes == (
        "336 (COCO): the same computation as the setting that it is compared with. Such a "
        "difference comes from the machine, and others of its size may too.",
    )


def test_without_the_first_cell_there_is_nothing_to_compare_with(tmp_path):
    table = build_table(MadeStudy(), tmp_path, "device")
    assert table.table is None
    assert table.notes == ("Nothing to compare with: GPU has no values (unavailable).",)


def build_drift(study: MadeStudy, folder: Any) -> Any:
    files = render_all(study, folder, draw=False)
    rows = list(read_summary(files.summary).values())
    return build_drift_table(study.outline, rows, read_differences(files.differences))


def test_answers_are_compared_with_those_of_the_base(tmp_path):
    drift_table = build_drift(MadeStudy(), tmp_path)
    assert drift_table.text == (
        "Batch size and optimization should not change answers. Of the settings that differ from "
        "the base in nothing else, 0 of 3 gave other answers, and in 0 the word error rate differs "
        "measurably. No setting of COCO and ScienceQA has the base's values."
    )
    assert [line[0] for line in drift_table.table.rows] == [
        *("batch 4", "batch 8", "batch 16", "336 px · batch 16", "448 px · batch 16"),
        *("batch 16 · text ≤ 100 tokens", "batch 16 · text ≤ 50 tokens"),
    ]
    assert drift_table.table.rows[0] == (
        *("batch 4", "TextVQA", "no difference", "no difference", "0 of 4"),
    )
    assert drift_table.table.rows[-1][-1] == "1 of 4"


def test_an_answer_that_the_batch_changed_is_counted(tmp_path):
    study = MadeStudy()
    cell = cell_id({**AXES, "batch_size": 8})
    study.odd_answers.add(("textvqa", cell))
    drift_table = build_drift(study, tmp_path)
    assert drift_table.table.rows[1][-1] == "1 of 4"
    assert "1 of 3 gave other answers, and in 0 the word error rate" in drift_table.text


def test_random_weights_have_no_answers_to_compare(tmp_path):
    study = MadeStudy()
    study.take_weights_away()
    assert build_drift(study, tmp_path) is None
    text = (tmp_path / "report.md").read_text()
    assert "Do the settings change the answers?" not in text
    assert "| Batch | WER | Latency" in text
    assert "| 4 | not measured: random weights | " in text
    assert text.count('"wer_value": "not measured: random weights"') == 25
    assert "| Batch | Latency | Energy |" in text


def test_the_made_plan_is_what_the_study_would_plan():
    study = Study(load_config(CONFIG))
    outline = build_outline(study)
    assert make_comparisons(outline).pairs == plan_comparisons(study).pairs


def test_of_thousands_of_cells_those_whose_answers_changed_most_are_listed():
    count = MOST_DRIFTED + 5
    summary = [
        make_row(dataset="coco", cell=f"len{length}", max_input_len=length)
        for length in range(count)
    ]
    keys = [DifferenceKey("coco", row.cell, "base") for row in summary]
    differences = {
        key: make_difference(
            key, wer_base=0.5, wer_difference=0.1, changed_predictions=n, shared_predictions=count
        )
        for n, key in enumerate(keys)
    }
    outline = replace(make_outline(), base_cells={"coco": "base"})
    drift = build_drift_table(outline, summary, differences)
    assert drift is not None
    assert [row[-1] for row in drift.table.rows] == [f"{n} of {count}" for n in range(5, count)]
    assert (
        f"Of {count} settings the {MOST_DRIFTED} whose answers changed most are shown" in drift.text
    )


def test_quantised_parts_stand_beside_the_plain_ones(tmp_path):
    study = MadeStudy()
    for record in study.records.values():
        if record["status"] == "ok":
            sizes = {"vision": 2_000_000_000, "qformer": 500_000_000, "prefill": 5_000_000_000}
            record["model"]["weights_bytes_by_stage"] = sizes
    plain = build_table(study, tmp_path / "plain", "optimization")
    assert "Language model (GB)" not in plain.table.headings
    (packed,) = [it for key, it in study.records.items() if "-compile-" in it["cell"]["id"]]
    stage = {"kind": "int8", "layers": 3, "layers_left": [], "bytes_before": 9, "bytes_after": 5}
    packed["model"] |= {
        "quantization": {"library": "torchao", "weights": [], "stages": {"prefill": stage}},
        "weights_bytes_by_stage": {**sizes, "prefill": 2_000_000_000},
    }
    table = build_table(study, tmp_path / "packed", "optimization").table
    places = [table.headings.index(f"{part} (GB)") for part in PARTS]
    rows = {row[0]: [row[place] for place in places] for row in table.rows}
    assert rows["Compile"] == ["2.00 (-60 %)", "2.00", "0.500"]


PARTS = ("Language model", "Vision tower", "Connector")
