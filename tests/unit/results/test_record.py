from dataclasses import replace

import pytest
from figures_factory import make_figures
from record_factory import make_cell, make_failed_record, make_metric, make_quality, make_record
from row_factory import CELL

from vlmeter.axes import Axes
from vlmeter.errors import UserError
from vlmeter.results.record import read_record
from vlmeter.status import Status
from vlmeter.storage.files import write_json

AXES = {axis: value for axis, value in CELL.items() if axis in Axes.__dataclass_fields__}
MEASURED_CELL = make_cell("m-bs1", "coco", AXES)
QUALITY = make_quality(MEASURED_CELL)
RECORD = make_record(MEASURED_CELL, make_figures(MEASURED_CELL, 1.0), QUALITY)
FAILED = make_failed_record(MEASURED_CELL, Status.CRASHED, "killed by SIGKILL")


def test_what_is_written_comes_back(tmp_path):
    for record in (RECORD, FAILED):
        write_json(tmp_path / "record.json", record.as_plain())
        assert read_record(tmp_path / "record.json") == record


@pytest.mark.parametrize(
    ("spoiled", "place"),
    [
        ({"cell": {**RECORD.as_plain()["cell"], "batch_size": "x"}}, r"cell\.batch_size"),
        ({"quality": 3}, "quality"),
        ({"files": {"timings": 3}}, r"files\.timings"),
        ({"attempt": "first"}, "attempt"),
    ],
)
def test_what_is_of_another_form_is_named_by_its_place(tmp_path, spoiled, place):
    write_json(tmp_path / "record.json", {**RECORD.as_plain(), **spoiled})
    with pytest.raises(UserError, match=rf"record\.json: {place} "):
        read_record(tmp_path / "record.json")


def test_the_sources_keys_come_first_then_how_it_ended():
    keys = [
        *("wer_value", "latency", "energy", "flops"),
        *("status", "reason", "traceback", "attempt", "cell", "quality"),
    ]
    assert list(RECORD.as_plain())[:10] == keys
    assert list(FAILED.as_plain()) == [*keys, "files"]
    assert list(RECORD.as_plain()["cell"])[:2] == ["id", "dataset"]


def test_the_task_metric_is_the_first_that_is_no_word_error_rate():
    metric = RECORD.find_task_metric()
    assert metric is not None
    assert metric.name == "cider_d"
    assert FAILED.find_task_metric() is None
    match_error = make_metric("mer", "MER", 0.5, 0.1, higher_is_better=False)
    only_words = replace(QUALITY, metrics=(match_error,))
    assert replace(RECORD, quality=only_words).find_task_metric() is None


def test_a_metric_is_looked_up_by_its_name():
    metric = RECORD.find_metric("wer_median")
    assert metric is not None
    assert metric.label == "WER, median"
    assert RECORD.find_metric("accuracy") is None
    assert FAILED.find_metric("wer") is None
