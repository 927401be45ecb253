"""How long a study will take, from its windows and from what was measured."""

from dataclasses import replace

import pytest
from figures_factory import make_figures
from record_factory import AXES, make_cell

from vlmeter.cell.ending import Ending
from vlmeter.cell.measurement import Measurement
from vlmeter.machine.host import compute_host_digest
from vlmeter.status import Status
from vlmeter.storage.files import write_json
from vlmeter.study.duration import describe_duration, estimate_rest, format_duration, sum_caps


def keep_record(study, cell, seconds, host):
    figures = make_figures(make_cell("cell", "scienceqa", AXES), 0.1)
    figures = replace(
        figures,
        provenance=replace(figures.provenance, host=host),
        time_spent_s={"whole": seconds},
    )
    measurement = Measurement(Ending(Status.OK, None, None, 1), figures, {})
    write_json(study.folder.cell(cell.key).measurement, measurement.as_plain())


@pytest.fixture
def study(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return config.study()


def describe(study):
    return "\n".join(describe_duration(study, study.cells))


def test_before_anything_is_measured_the_caps_of_the_windows_are_named(study):
    cells = len(study.cells)
    caps = study.measure_settings
    assert caps.request
    assert sum_caps(caps, 1) == 3 * caps.window_s + caps.energy.window_s
    assert sum_caps(replace(caps, request=False), 2) == 2 * (sum_caps(caps, 1) - caps.window_s)
    (line,) = describe_duration(study, study.cells)
    duration = format_duration(sum_caps(caps, cells))
    assert line.startswith(f"time: {duration} for the windows of {cells} settings at their caps")
    assert "come on top" in line


def test_what_was_measured_here_gives_a_range_for_the_rest(study):
    first, second, *rest = study.cells
    for cell, seconds in ((first, 600), (second, 900)):
        keep_record(study, cell, seconds, compute_host_digest())
    words = describe(study)
    assert f"the windows of {len(rest)} settings" in words
    assert f"{estimate_rest([600, 900], len(rest))} in all" in words
    assert "like the 2 that were measured" in words


def test_a_single_setting_is_no_settings(study):
    first = study.cells[0]
    (line,) = describe_duration(study, [first])
    assert "the windows of 1 setting at their caps" in line
    keep_record(study, first, 600, compute_host_digest())
    assert "like the one that was measured" in describe(study)


def test_records_of_another_machine_and_damaged_ones_say_nothing(study):
    first, second, *_ = study.cells
    keep_record(study, first, 600, "elsewhere")
    keep_record(study, second, 600, compute_host_digest())
    study.folder.cell(second.key).measurement.write_text("{", encoding="utf-8")
    assert "in all" not in describe(study)


def test_a_study_whose_cells_are_all_measured_has_no_rest(study):
    for cell in study.cells:
        keep_record(study, cell, 60, compute_host_digest())
    assert describe(study) == ""


def test_a_range_narrows_with_more_records_and_never_ends_below_the_shortest():
    few, many = estimate_rest([100, 200], 10), estimate_rest([100, 200] * 20, 10)
    assert few.high_s - few.low_s > many.high_s - many.low_s > 0
    assert few.low_s == 10 * 100
    assert many.low_s < 10 * 150 < many.high_s
    assert estimate_rest([120], 3) == (360, 360)


def test_a_range_is_one_duration_where_its_ends_read_the_same():
    assert str(estimate_rest([120, 121], 2)) == "about 4 min"
    assert str(estimate_rest([100, 200], 10)) == "about 17 min to 43 min"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "less than a minute"),
        (100, "about 2 min"),
        (5_300, "about 88 min"),
        (5_400, "about 1 h 30 min"),
        (7_250, "about 2 h"),
        (86_400, "about 24 h"),
    ],
)
def test_a_duration_is_as_exact_as_an_estimate(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
