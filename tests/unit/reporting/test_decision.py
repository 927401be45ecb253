"""The values of cells with their intervals, and which of them no other cell beats."""

import pytest
from row_factory import make_row

from vlmeter.decision.metric import Metric
from vlmeter.reporting.decision import (
    Interval,
    find_front,
    get_energy,
    get_latency,
    get_quality,
    group_measured,
)
from vlmeter.reporting.decision import get_sample_time as get_time_of_a_sample


def test_the_front_is_what_no_other_point_beats():
    assert find_front([[1, 5], [2, 2], [5, 1], [3, 3], [2, 2]]) == [0, 1, 2, 4]
    assert find_front([[1, 1]]) == [0]


def test_a_figure_stands_between_the_ends_of_its_own_interval():
    row = make_row(
        batch_size=4,
        **{"latency": 4.0, "latency_low_s": 2.0, "latency_high_s": 8.0},
        **{"energy": 5.0, "energy_low_j": 3.0, "energy_high_j": 7.0},
        **{"wer_value": 0.5, "wer_low": 0.25, "wer_high": 0.75},
        **{"task_value": 0.6, "task_low": 0.4, "task_high": 0.9},
    )
    assert get_latency(row) == Interval(4.0, 2.0, 8.0)
    assert get_time_of_a_sample(row) == Interval(1.0, 0.5, 2.0)
    assert get_energy(row) == Interval(5.0, 3.0, 7.0)
    task, words = Metric("task", "", True), Metric("wer", "", False)
    assert get_quality(row, task) == Interval(0.6, 0.4, 0.9)
    assert get_quality(row, words) == Interval(0.5, 0.25, 0.75)


def test_without_an_interval_both_ends_are_the_figure():
    assert get_latency(make_row(latency=2.0)) == Interval(2.0, 2.0, 2.0)


@pytest.mark.parametrize("cost", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_what_is_no_positive_cost_is_none(cost):
    row = make_row(latency=cost, energy=cost)
    assert (get_latency(row), get_time_of_a_sample(row), get_energy(row)) == (None, None, None)


def test_measured_cells_stand_by_data_set_and_model():
    rows = [
        make_row(latency=1.0, wer_value=0.5),
        make_row(latency=1.0, cell="b", model="n"),
        make_row(status="crashed", cell="c"),
        make_row(status="crashed", dataset="lost"),
    ]
    groups = group_measured(rows)
    assert [(group.dataset, group.model) for group in groups] == [
        ("coco", "m"),
        ("coco", "n"),
        ("lost", "m"),
    ]
    assert [[row.cell for row in group.rows] for group in groups] == [["m-bs1"], ["b"], []]
    assert [group.quality and group.quality.label for group in groups] == ["WER", None, None]
