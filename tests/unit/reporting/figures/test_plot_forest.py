"""What each knob does, from the differences of a study."""

from dataclasses import replace

import pytest
from row_factory import make_difference, make_row
from study_factory import make_outline

from vlmeter.reporting.figures.plot_forest import (
    MOST_KNOBS,
    Effect,
    ForestWords,
    list_effects,
    make_forest_chart,
)
from vlmeter.reporting.language import LANGUAGES
from vlmeter.results.outline import ForestPlan, translate_labels
from vlmeter.storage.layout import DifferenceKey

PLAN = ForestPlan({"coco": {"m": "base"}}, translate_labels(make_outline(), LANGUAGES))
WORDS = ForestWords("What it does", "Against the base", "Nothing to show.")
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


def make_effect(knob, value):
    return Effect(knob, "coco", knob, "time", value, None, None, disturbed=False)


def test_of_many_knobs_the_strongest_are_drawn_and_counted():
    effects = [make_effect(f"knob {n}", 1 + n / 10) for n in range(MOST_KNOBS + 5)]
    chart = make_forest_chart(effects, {"coco": "COCO"}, WORDS)
    (panel,) = chart.spec["concat"]
    drawn = {point["words"]["title"] for point in panel["data"]["values"]}
    assert drawn == {f"knob {n}" for n in range(5, MOST_KNOBS + 5)}
    assert (
        f"The {MOST_KNOBS} strongest of {MOST_KNOBS + 5} knobs" in chart.spec["title"]["subtitle"]
    )


def test_what_is_seen_is_said():
    effects = [make_effect("batch 4", 0.5), make_effect("448 px", 2.5)]
    alt = make_forest_chart(effects, {"coco": "COCO"}, WORDS).alt
    assert "Time per sample: from 0.500× (batch 4) to 2.50× (448 px)." in alt


def test_without_a_knob_the_chart_says_so():
    chart = make_forest_chart([], {"coco": "COCO"}, WORDS)
    assert chart.alt == "Nothing to show."
