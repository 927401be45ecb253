"""The energy of a right answer: what all answers took, over the share that is right."""

import math
import random
from dataclasses import replace

import pytest
from record_factory import AXES, make_cell, make_failed_record, make_ok_record

from vlmeter.metrics.estimates import Estimate
from vlmeter.metrics.figure import Figure
from vlmeter.results.right_answers import compute_energy_per_right
from vlmeter.results.summary_row import build_summary_row
from vlmeter.status import Status

MEASURED = {"generation_j": 12.0, "generation_low_j": 11.0, "generation_high_j": 13.0}
ACCURACY = Figure("accuracy", "Accuracy", 0.25, 0.2, 0.3, True, 100, counts_right=True)


def make(metric=ACCURACY, **energy):
    record = make_ok_record(make_cell("c", "exams", AXES), random.Random(0), 9)
    detail = replace(record.figures.energy_detail, **{**MEASURED, **energy})
    wer = record.quality.metrics[0]
    metrics = (wer,) if metric is None else (wer, metric)
    return replace(
        record,
        figures=replace(record.figures, energy_detail=detail),
        quality=replace(record.quality, metrics=metrics),
    )


def test_a_right_answer_takes_the_energy_of_all_answers():
    row = build_summary_row(make())
    assert row.energy_per_right_j == 48.0
    below = math.hypot(math.log(12 / 11), math.log(0.3 / 0.25))
    above = math.hypot(math.log(13 / 12), math.log(0.25 / 0.2))
    assert row.energy_per_right_low_j == pytest.approx(48 * math.exp(-below))
    assert row.energy_per_right_high_j == pytest.approx(48 * math.exp(above))
    assert row.energy_per_right_reason is None


WITHOUT = Estimate(48.0, None, None)


@pytest.mark.parametrize(
    ("metric", "energy"),
    [
        (replace(ACCURACY, low=None, high=None), {}),
        (ACCURACY, {"generation_low_j": None, "generation_high_j": None}),
        (replace(ACCURACY, low=0.0), {}),
    ],
)
def test_an_interval_needs_that_of_the_score_and_of_the_energy(metric, energy):
    assert compute_energy_per_right(make(metric, **energy)).joules == WITHOUT


@pytest.mark.parametrize(
    ("metric", "energy", "reason"),
    [
        (None, {}, "its answers were not scored"),
        (replace(ACCURACY, value=None), {}, "its answers were not scored"),
        (replace(ACCURACY, value=0.0, low=0.0), {}, "no answer was right"),
        (
            replace(ACCURACY, name="cider_d", counts_right=False),
            {},
            "its task's own metric does not say which answers are right",
        ),
        (
            ACCURACY,
            {"generation_j": None, "energy_per_token_reason": "too short"},
            "too short",
        ),
    ],
)
def test_why_there_is_no_energy_per_right_answer_is_in_the_row(metric, energy, reason):
    row = build_summary_row(make(metric, **energy))
    assert (row.energy_per_right_j, row.energy_per_right_low_j) == (None, None)
    assert row.energy_per_right_reason == reason


def test_a_cell_that_did_not_end_well_says_nothing_of_it():
    cell = make_cell("c", "exams", AXES)
    row = build_summary_row(make_failed_record(cell, Status.CRASHED, "why"))
    assert (row.energy_per_right_j, row.energy_per_right_reason) == (None, None)
