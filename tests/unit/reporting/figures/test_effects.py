"""What turning one knob does, from the differences of a study."""

from dataclasses import replace

import pytest
from row_factory import make_difference, make_row
from study_factory import make_outline

from vlmeter.reporting.figures.effects import list_effects
from vlmeter.reporting.language import LANGUAGES
from vlmeter.results.outline import ForestPlan, translate_labels
from vlmeter.storage.layout import DifferenceKey

PLAN = ForestPlan({"coco": {"m": "base"}}, translate_labels(make_outline(), LANGUAGES))
BASE = make_row(cell="base", dataset="coco", model="m", batch_size=1)


def compare(cell, **values):
    key = DifferenceKey("coco", cell, "base")
    return {key: make_difference(key, **values)}


def test_a_cost_is_a_multiple_of_the_references():
    row = replace(BASE, cell="b4", batch_size=4, disturbed=True)
    differences = compare(
        "b4",
        sample_time_base_s=0.2,
        sample_time_difference_s=-0.1,
        sample_time_difference_low_s=-0.12,
        sample_time_difference_high_s=-0.08,
        wer_base=0.4,
        wer_difference=0.1,
    )
    time, quality = list_effects([BASE, row], differences, PLAN)
    assert (time.knob, time.outcome, time.disturbed) == ("batch 4", "time", True)
    assert (time.value, time.low, time.high) == pytest.approx((0.5, 0.4, 0.6))
    assert (quality.outcome, quality.value, quality.low) == ("quality", 0.1, None)


def test_an_interval_below_zero_is_no_multiple():
    row = replace(BASE, cell="b4", batch_size=4)
    differences = compare(
        "b4",
        energy_base_j=1.0,
        energy_difference_j=-0.5,
        energy_difference_low_j=-1.2,
        energy_difference_high_j=0.2,
    )
    (energy,) = list_effects([BASE, row], differences, PLAN)
    assert (energy.value, energy.low, energy.high) == (0.5, None, None)


def test_two_values_at_once_are_no_knob():
    row = replace(BASE, cell="both", batch_size=4, image_size=448)
    differences = compare("both", sample_time_base_s=0.2, sample_time_difference_s=0.1)
    assert list_effects([BASE, row], differences, PLAN) == []
