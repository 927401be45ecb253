"""The first screen claims no more than was measured."""

import json
from dataclasses import replace
from typing import Any

import pytest
from row_factory import make_difference, make_row, rounds_of
from simulated_study import DATASET, make_outline_of
from study_factory import AXES

from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.first_screen import build_first_screen
from vlmeter.reporting.language import use_language
from vlmeter.reporting.verdict import FirstScreen
from vlmeter.results.difference_row import FromBase, list_values
from vlmeter.results.limits import StudyLimits
from vlmeter.results.repeatability import DeviceRepeats, Repeats
from vlmeter.storage.layout import CellKey, DifferenceKey

NO_METER = {**rounds_of("energy", [2.0, 2.0, 2.0]), "energy_cpu_j": 2.0}


def make_cell(cell: str, seconds: float, **given: Any):
    """Return a measured cell, of which a sample of a generation takes twice the forward pass."""
    size = given.get("batch_size", 1)
    values = {
        **AXES,
        "dataset": DATASET,
        **rounds_of("latency", [seconds, seconds * 1.001, seconds * 0.999]),
        "samples_per_s": size / seconds / 2,
        "task_value": 0.6,
        "task_low": 0.5,
        "task_high": 0.7,
        "task_higher_is_better": True,
        "task_metric_label": "Accuracy",
        "scored_samples": 108,
        **given,
    }
    return make_row(**values, cell=cell)


def compare(row, base, reach: float = 0.05):
    key = DifferenceKey(row.dataset, row.cell, base.cell)
    change = row.task_value - base.task_value
    compared = FromBase(base.task_value, Difference(change, change - reach, change + reach))
    return key, make_difference(key, **list_values("task", compared))


def build(*rows, language: str = "en", limits=None, repeats=None) -> FirstScreen:
    """Return the first screen of a study whose first row is the reference."""
    outline = replace(make_outline_of(rows[0].cell), limits=limits or StudyLimits())
    judged = [row for row in rows[1:] if row.task_value is not None and row.dataset == DATASET]
    differences = dict(compare(row, rows[0]) for row in judged if rows[0].task_value is not None)
    summary = {CellKey(row.dataset, row.cell): row for row in rows}
    with use_language(language):
        return build_first_screen(outline, summary, differences, repeats or Repeats())


LADDER = (
    make_cell("base", 0.01),
    make_cell("four", 0.015, batch_size=4),
    make_cell("many", 0.1, batch_size=32),
)


def get_cell(screen: FirstScreen, goal: str, row: int = 0):
    places = [name for name, _ in screen.goals.headings]
    return screen.goals.rows[row].cells[places.index(goal)]


def test_the_verdict_says_what_to_deploy_and_when_not():
    assert build(*LADDER).verdict.headline == (
        "Deploy batch 4; use base setting only if a reply must come in under 15.0 ms, and batch 32 "
        "only if throughput counts more."
    )
    assert build(*LADDER[:2], make_cell("five", 0.4, batch_size=5)).verdict.headline == (
        "Deploy batch 4; use base setting only if a reply must come in under 15.0 ms."
    )
    assert build(LADDER[0], make_cell("quick", 0.001, optimization="sdpa")).verdict.headline == (
        "Deploy SDPA."
    )


def test_settings_that_cannot_be_told_apart_have_no_winner():
    screen = build(make_cell("base", 0.01), make_cell("sdpa", 0.01, optimization="sdpa"))
    assert screen.verdict.headline == ("No clear winner: keep the base setting (tied with SDPA).")
    assert get_cell(screen, "latency").notes == ("Tied with: SDPA",)
    assert not get_cell(screen, "latency").clear


def test_a_single_setting_is_no_recommendation():
    assert build(LADDER[0]).verdict.headline == "Only one setting was measured: base setting."
    assert not get_cell(build(LADDER[0]), "latency").clear


def test_nothing_measured_is_no_recommendation():
    screen = build(make_cell("base", 0.01, status="crashed", latency=None))
    assert screen.verdict.headline == ("Nothing was measured, so there is no setting to recommend.")
    assert (screen.goals.rows, screen.goals.headings) == ((), ())


def test_where_nothing_keeps_the_limits_the_nearest_miss_is_said():
    screen = build(*LADDER, limits=StudyLimits({DATASET: 0.7}, max_latency_s=0.005))
    words = (
        "Nothing keeps the limits. Nearest: base setting (latency 10.0 ms, at most 5.00 ms; "
        "quality 0.600, asked for 0.700)."
    )
    assert screen.verdict.headline == words
    assert screen.goals.rows[0].notes[0] == words


def test_limits_of_the_config_change_what_is_named():
    screen = build(*LADDER, limits=StudyLimits(max_latency_s=0.05))
    assert get_cell(screen, "throughput").setting == "batch 4"
    assert get_cell(build(*LADDER), "throughput").setting == "batch 32"


def test_every_choice_shows_its_quality_and_its_own_value_first():
    screen = build(*LADDER)
    quality = "Accuracy 0.600 [0.500, 0.700]"
    assert get_cell(screen, "latency").values == ("10.0 ms", quality)
    assert get_cell(screen, "throughput").values == (
        "160 samples/s in generation",
        "320 samples/s in a forward pass",
        "100 ms",
        quality,
    )
    assert get_cell(screen, "quality").values == (quality,)
    assert get_cell(screen, "latency").clear


def test_a_useless_reference_is_said_to_be_one():
    screen = build(
        make_cell("base", 0.01, task_value=0.0),
        make_cell("native", 0.05, image_input="native", task_value=0.77),
    )
    assert set(screen.goals.rows[0].notes) >= {
        "Accuracy is measurably higher with native image size; other goals ask for as much.",
        "Excluded, Accuracy is worse: base setting (-0.770).",
    }


def test_not_worse_states_what_the_study_could_see():
    screen = build(make_cell("base", 0.01), make_cell("b", 0.02, batch_size=2, task_value=0.62))
    assert screen.goals.rows[0].notes == (
        "What qualifies differs in Accuracy by less than ± 0.0700 (108 samples).",
    )


def test_a_disturbed_measurement_is_marked_or_left_out():
    noisy = make_cell("quick", 0.001, optimization="sdpa", disturbed=True)
    screen = build(LADDER[0], noisy)
    assert "Left out, disturbed by other programs: SDPA." in screen.goals.rows[0].notes
    screen = build(make_cell("base", 0.01, disturbed=True), noisy)
    best = get_cell(screen, "latency")
    assert best.disturbed
    assert "Disturbed by other programs, so its costs are unreliable" in best.notes
    assert get_cell(screen, "quality").notes == ("Tied with: SDPA",)


@pytest.mark.parametrize("kind", ["modelled", "constant", "measured"])
def test_energy_that_nobody_metered_has_no_goal_and_says_why(kind):
    rows = [
        make_cell("base", 0.01, **NO_METER, energy_cpu_kind=kind),
        make_cell("b", 0.02, **NO_METER, energy_cpu_kind=kind, batch_size=2),
    ]
    screen = build(*rows)
    goals = [goal for goal, _ in screen.goals.headings]
    said = "Energy is estimated, not metered. It follows time, so it decides nothing."
    assert ("energy" in goals) is (kind == "measured")
    assert (said in screen.goals.rows[0].notes) is (kind != "measured")
    chips = {chip.anchor: chip for chip in screen.chips}
    assert chips["energy"].kind == ("good" if kind == "measured" else "warning")


@pytest.mark.parametrize(
    ("metric", "quality", "of_an_answer"),
    [("accuracy", 0.5, ("4.00 J/right answer",)), ("cider_d", 0.5, ()), ("accuracy", 0.0, ())],
)
def test_metered_energy_is_also_of_a_right_answer_and_of_tokens(metric, quality, of_an_answer):
    metered = {**NO_METER, "energy_cpu_kind": "measured", "energy_per_token_j": 0.25}
    row = make_cell("base", 0.01, task_metric=metric, task_value=quality, **metered)
    values = get_cell(build(row), "energy").values
    assert values[:-1] == ("2.00 J/sample", *of_an_answer, "4.00 tokens/J")


def test_what_was_not_varied_is_said():
    other = make_cell("x", 0.1, dataset="coco", batch_size=16)
    screen = build(*LADDER, other)
    assert screen.goals.rows[1].notes[0] == "Only batch 16 was measured."
    assert screen.verdict.headline.startswith("TextVQA: Deploy batch 4;")


def test_cells_of_one_computation_are_named_beside_the_first():
    same = {"shape_digest": "a", "content_digest": "b"}
    rows = make_cell("base", 0.01, **same), make_cell("b", 0.01, image_size=448, **same)
    assert get_cell(build(*rows), "latency").notes == ("The same computation: 448 px",)


def test_random_weights_are_decided_by_cost_and_say_so():
    rows = [make_cell("base", 0.01, task_value=None), make_cell("b", 0.002, task_value=None)]
    screen = build(*rows)
    assert screen.goals.rows[0].notes[0] == (
        "Quality was not measured here, so costs alone decide."
    )
    assert "quality" not in [goal for goal, _ in screen.goals.headings]


def test_chips_count_what_was_measured_disturbed_and_repeated():
    steady = DeviceRepeats(0.031, 8, cells=9, computations=1, pairs=36, false_differences=0)
    rows = [
        LADDER[0],
        make_cell("b", 0.02, batch_size=2, disturbed=True),
        make_cell("c", 0.02, status="unsupported", latency=None),
    ]
    screen = build(*rows, repeats=Repeats(latency={"cpu": steady}))
    assert [(chip.kind, chip.text) for chip in screen.chips] == [
        ("plain", "2 of 3 settings measured"),
        ("warning", "1 measurement disturbed by other programs"),
        ("plain", "cpu: repeats to ± 3.1 %"),
        ("plain", "1 unsupported"),
    ]
    whole = build(*LADDER)
    assert [chip.kind for chip in whole.chips] == ["good", "warning"]
    assert whole.chips[1].text == "nothing was measured twice"


def test_the_script_gets_every_candidate_with_the_config_s_limits():
    screen = build(*LADDER, limits=StudyLimits({DATASET: 0.5}, max_latency_s=1.0))
    packed = json.loads(screen.contests)
    (contest,) = packed["contests"]
    assert [packed["parts"][part] for (part,) in contest["names"]] == [
        "base setting",
        "batch 4",
        "batch 32",
    ]
    assert contest["limits"]["min_quality"] == 0.5


def test_what_is_named_can_be_kept_on_the_page_of_a_large_study():
    between = make_cell("between", 0.05, batch_size=8, image_size=448)
    screen = build(*LADDER, between)
    goals = {best.cell for row in screen.goals.rows for best in row.cells}
    assert {key.cell for key in screen.named} == {*goals, "base"}
    missed = build(*LADDER, limits=StudyLimits({DATASET: 0.7}, max_latency_s=0.012))
    assert CellKey(DATASET, "base") in missed.named


def test_both_languages_say_the_same_number_of_things():
    english, russian = build(*LADDER), build(*LADDER, language="ru")
    assert russian.verdict.headline.startswith("Рекомендуется: батч 4.")
    assert [len(row.notes) for row in english.goals.rows] == [
        len(row.notes) for row in russian.goals.rows
    ]
