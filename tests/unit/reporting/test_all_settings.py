"""The table of all settings: a row per computation, with the records behind it."""

import json

from row_factory import make_row
from study_factory import MadeStudy

from vlmeter.reporting.all_settings import (
    MOST_OF_ROW,
    MOST_RECORDS,
    MOST_ROWS,
    build_settings_table,
)
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey

OUTLINE = MadeStudy().outline
BASE = OUTLINE.base.as_dict()


def make(cell: str, **values: object) -> SummaryRow:
    measured = {"status": "ok", "latency": 0.02, "samples_per_s": 40.0, "disturbed": False}
    return make_row(dataset="textvqa", cell=cell, **{**BASE, **measured, **values})


def test_settings_of_one_computation_share_a_row_that_names_the_others():
    rows = [
        make("a", image_size=224, shape_digest="same"),
        make("b", image_size=448, shape_digest="same", max_input_len=50),
        make("c", batch_size=4, shape_digest="other"),
    ]
    table = build_settings_table(OUTLINE, rows)
    assert [(row.setting, row.same) for row in table.rows] == [
        ("base setting", ("448 px", "text ≤ 50 tokens")),
        ("batch 4", ()),
    ]
    assert [json.loads(row.keys) for row in table.rows] == [
        {"textvqa": ["a", "b"]},
        {"textvqa": ["c"]},
    ]


def test_every_setting_stands_in_one_row():
    rows = [make(str(place), batch_size=place + 1) for place in range(50)]
    table = build_settings_table(OUTLINE, rows)
    named = [cell for row in table.rows for cell in json.loads(row.keys)["textvqa"]]
    assert named == [row.cell for row in rows]


def test_an_undisturbed_measurement_speaks_for_its_computation():
    rows = [
        make("a", shape_digest="same", disturbed=True, latency=0.5),
        make("b", shape_digest="same", image_size=448),
        make("c", disturbed=True, batch_size=4),
    ]
    table = build_settings_table(OUTLINE, rows)
    place = [column.name for column in table.columns].index("latency")
    assert [(row.state, row.values[place].number) for row in table.rows] == [
        ("ok", 0.02),
        ("disturbed", 0.02),
    ]


def test_throughput_is_of_generation_with_the_forward_pass_beside_it():
    table = build_settings_table(OUTLINE, [make("a", batch_size=8, latency=0.1)])
    values = dict(zip([column.name for column in table.columns], table.rows[0].values, strict=True))
    assert values["generated"].text == "40.0"
    assert values["passed"].number == 80


def test_energy_is_also_per_right_answer_where_quality_is_a_share_of_those():
    quality = {"task_value": 0.5, "energy": 2.0}
    rows = [
        make("a", task_metric="accuracy", task_metric_label="Accuracy", **quality),
        make("b", task_metric="cider_d", task_metric_label="CIDEr-D", batch_size=4, **quality),
    ]
    table = build_settings_table(OUTLINE, rows)
    place = [column.name for column in table.columns].index("energy_per_right")
    assert [row.values[place].number for row in table.rows] == [4.0, None]


def test_a_setting_without_values_has_its_status_and_sorts_as_nothing():
    lost = make("gpu", status="unavailable", reason="no GPU", latency=None, samples_per_s=None)
    table = build_settings_table(OUTLINE, [make("a"), lost])
    assert table.rows[1].state == "unavailable"
    assert {value.number for value in table.rows[1].values} == {None}
    assert table.rows[1].records[0].cell.reason == "no GPU"


def test_a_column_that_no_setting_has_is_left_out():
    columns = build_settings_table(OUTLINE, [make("a", energy=None)]).columns
    assert "energy" not in {column.name for column in columns}


def test_a_record_leads_to_its_files_beside_the_page():
    (row,) = build_settings_table(OUTLINE, [make("a b")]).rows
    assert [address for _, address in row.records[0].files] == [
        "cells/textvqa/a%20b/record.json",
        "logs/cells/textvqa/a%20b/inference.log",
    ]


def test_of_very_many_settings_of_one_computation_the_rest_of_the_records_is_counted():
    rows = [make(str(place), max_input_len=place + 1, shape_digest="same") for place in range(50)]
    table = build_settings_table(OUTLINE, rows)
    assert len(json.loads(table.rows[0].keys)["textvqa"]) == 50
    assert (len(table.rows[0].records), table.records_left_out) == (MOST_OF_ROW, 50 - MOST_OF_ROW)


def test_many_rows_share_the_records_of_the_page():
    rows = [
        make(f"{place}-{length}", batch_size=place, max_input_len=length, shape_digest=str(place))
        for place in range(1, 101)
        for length in range(1, 11)
    ]
    table = build_settings_table(OUTLINE, rows)
    assert {len(row.records) for row in table.rows} == {2}
    assert sum(len(row.records) for row in table.rows) == MOST_RECORDS
    assert table.records_left_out == 1000 - MOST_RECORDS


def test_of_very_many_rows_those_stand_that_are_named_first():
    rows = [make(str(place), batch_size=place + 1) for place in range(MOST_ROWS + 7)]
    last = CellKey("textvqa", rows[-1].cell)
    table = build_settings_table(OUTLINE, rows, [last, last, CellKey("textvqa", "none")])
    named = [cell for row in table.rows for cell in json.loads(row.keys)["textvqa"]]
    assert named == [row.cell for row in (*rows[: MOST_ROWS - 1], rows[-1])]
    assert table.count == len(rows)
    assert {len(row.records) for row in table.rows} == {1}
