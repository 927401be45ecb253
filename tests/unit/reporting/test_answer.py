"""The first screen claims no more than was measured."""

from dataclasses import replace
from typing import Any

import pytest
from row_factory import make_row
from study_factory import AXES, make_outline

from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.answer import Tile, build_answer
from vlmeter.reporting.decision import COST_OF, Aim, Choice, Decision, Quality
from vlmeter.results.summary_row import SummaryRow

OUTLINE = replace(make_outline(), base_cells={"coco": "base"})
BETTER, ALIKE, WORSE = (
    Difference(-0.2, -0.3, -0.1),
    Difference(-0.2, -0.5, 0.1),
    Difference(0.2, 0.1, 0.3),
)
WITHOUT_INTERVAL = Difference(-0.2, None, None)


def make_cell(cell: str, **values: Any) -> SummaryRow:
    return make_row(**{**AXES, "cell": cell, "latency": 0.02, "energy": 3.0, **values})


def decide_for(*choices: Choice, **parts: Any) -> Decision:
    empty: dict[str, Any] = dict.fromkeys(("better", "worse", "unjudged"), ())
    return Decision(
        **{
            "dataset": "coco",
            "model": AXES["model"],
            "reference": make_cell("base"),
            "reference_cell": "base",
            "quality": None,
            "choices": choices,
            "rows": (make_cell("base"),),
            **empty,
            **parts,
        }
    )


def choose(aim: Aim, changes: Any, **values: Any) -> Choice:
    return Choice(aim, make_cell("b", batch_size=16, **values), changes, False, None, ())


def build_tile(*choices: Choice, **parts: Any) -> Tile:
    (group,) = build_answer(OUTLINE, [decide_for(*choices, **parts)], []).groups
    return group.tiles[0]


@pytest.mark.parametrize("aim", COST_OF)
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (BETTER, "better"),
        (ALIKE, "unknown"),
        (WORSE, "unknown"),
        (WITHOUT_INTERVAL, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_setting_is_better_by_the_difference_of_its_own_cost_alone(aim, change, verdict):
    others = {cost: BETTER for cost in COST_OF.values() if cost != COST_OF[aim]}
    changes = others if change is None else {**others, COST_OF[aim]: change}
    assert build_tile(choose(aim, changes)).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"latency": WORSE, "energy": BETTER}, "better"),
        ({"latency": WORSE, "energy": ALIKE}, "unknown"),
        ({"sample_time": WITHOUT_INTERVAL}, "unknown"),
        ({"quality": BETTER}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_balance_is_better_where_a_cost_is(changes, verdict):
    assert build_tile(choose(Aim.KNEE, changes)).verdict == verdict


def test_the_reference_is_the_same_and_no_better():
    chosen = Choice(Aim.ENERGY, make_cell("base"), {"energy": BETTER}, True, None, ())
    tile = build_tile(chosen)
    assert tile.verdict == "same"
    assert tile.against == ("The very setting that the others are compared with",)
    near = replace(chosen, challenger=(make_cell("b", batch_size=16), ALIKE))
    assert build_tile(near).against == (
        "Nothing is better beyond the noise; nearest: batch 16, no difference [-50 %, +10 %]",
    )


def test_each_figure_and_its_difference_stand_under_their_own_name():
    quality = Difference(-0.03, -0.05, -0.01)
    changes = {
        "latency": Difference(0.5, 0.4, 0.6),
        "sample_time": BETTER,
        "energy": ALIKE,
        "quality": quality,
    }
    costs = {
        "latency": 0.08,
        "latency_low_s": 0.064,
        "latency_high_s": 0.1,
        "energy": 0.004,
        "energy_low_j": 0.003,
        "energy_high_j": 0.006,
    }
    tile = build_tile(choose(Aim.KNEE, changes, **costs), quality=Quality("task", "Accuracy", True))
    assert tile.figures == (
        "80.0 ms/batch [64.0, 100]",
        "200 samples/s [160, 250]",
        "4.00 mJ/sample [3.00, 6.00]",
    )
    assert tile.against == (
        "time of a batch +50 % [+40 %, +60 %]",
        "time per sample -20 % [-30 %, -10 %]",
        "energy per sample no difference [-50 %, +10 %]",
        "Accuracy -0.0300 [-0.0500, -0.0100]",
    )


def test_a_difference_that_is_not_measured_is_a_dash():
    tile = build_tile(choose(Aim.LATENCY, {}), quality=Quality("task", "Accuracy", True))
    assert tile.against == ("Accuracy –",)


def test_settings_are_named_under_how_they_answer():
    rows = {
        name: (make_cell(name, batch_size=size),)
        for size, name in ((4, "better"), (8, "worse"), (16, "unjudged"))
    }
    parts = {**rows, "rows": (make_cell("base"), *(row for (row,) in rows.values()))}
    decision = decide_for(quality=Quality("task", "Accuracy", True), **parts)
    (group,) = build_answer(OUTLINE, [decision], []).groups
    assert group.notes == (
        "Answers better beyond the noise by Accuracy: batch 4.",
        "Left out, for Accuracy is worse beyond the noise: batch 8.",
        "Left out, for Accuracy cannot be compared: batch 16.",
    )
