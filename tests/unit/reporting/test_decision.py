"""Which setting is chosen, and when none is chosen."""

from typing import Any

import pytest
from row_factory import make_difference, make_row
from study_factory import AXES, MadeStudy, cell_id
from study_steps import render_all

from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.answer import build_answer
from vlmeter.reporting.decision import (
    Aim,
    Decision,
    Interval,
    Quality,
    choose_quality,
    decide,
    find_front,
    find_knee,
    get_energy,
    get_latency,
    get_quality,
)
from vlmeter.reporting.decision import get_sample_time as get_time_of_a_sample
from vlmeter.results.difference_row import DifferenceRow, Figure, FromBase, list_values
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import read_differences, read_summary
from vlmeter.storage.layout import DifferenceKey

BASE = {"task": 0.6, "latency": 0.010, "energy": 2.0, "batch_size": 1}
REFERENCES = {"d": {"m": "base"}}


def make_cell(cell: str, **given: Any) -> SummaryRow:
    """Make a row of a measured cell; every interval is 1 % wide."""
    values = {**BASE, **given}
    latency, energy = values["latency"], values["energy"]
    return make_row(
        dataset=values.get("dataset", "d"),
        model=values.get("model", "m"),
        cell=cell,
        status=values.get("status", "ok"),
        batch_size=values["batch_size"],
        latency=latency,
        latency_low_s=latency and latency * 0.995,
        latency_high_s=latency and latency * 1.005,
        energy=energy,
        energy_low_j=energy and energy * 0.995,
        energy_high_j=energy and energy * 1.005,
        task_value=values["task"],
        task_metric_label="Accuracy",
        task_higher_is_better=values.get("higher", True),
        wer_value=values.get("wer"),
    )


def get_sample_time(row: SummaryRow) -> float | None:
    return row.latency and row.latency / row.batch_size


def compare(
    key: DifferenceKey, cell: SummaryRow, base: SummaryRow, **noise: float
) -> DifferenceRow:
    """Make the row of a difference, which is significant beyond 1 % or the given noise."""
    values: dict[str, Any] = {}
    figures: dict[Figure, tuple[float | None, float | None]] = {
        "latency": (cell.latency, base.latency),
        "sample_time": (get_sample_time(cell), get_sample_time(base)),
        "energy": (cell.energy, base.energy),
        "task": (cell.task_value, base.task_value),
        "wer": (cell.wer_value, base.wer_value),
    }
    for figure, (of_cell, of_base) in figures.items():
        if of_cell is not None and of_base is not None:
            estimate, reach = of_cell - of_base, noise.get(figure, 0.01) * of_base
            difference = Difference(estimate, estimate - reach, estimate + reach)
            values |= list_values(figure, FromBase(of_base, difference))
    return make_difference(key, **values)


def decide_rows(*rows: SummaryRow, **noise: float) -> Decision:
    base = next((row for row in rows if row.cell == "base"), rows[0])
    keys = {DifferenceKey("d", row.cell, "base"): row for row in rows if row is not base}
    differences = {key: compare(key, row, base, **noise) for key, row in keys.items()}
    (decision,) = decide(rows, differences, REFERENCES)
    return decision


def name_choices(decision: Decision) -> dict[str, str]:
    return {choice.aim.value: choice.row.cell for choice in decision.choices}


def test_each_aim_has_its_best_cell():
    decision = decide_rows(
        make_cell("base"),
        make_cell("big", batch_size=16, latency=0.080, energy=1.0),
        make_cell("quick", latency=0.005, energy=3.0),
    )
    assert name_choices(decision) == {
        "latency": "quick",
        # 16 samples in 80 ms take as long per sample as a sample in 5 ms: the first is chosen.
        "throughput": "big",
        "energy": "big",
        # Both are best in two costs of three: the first is chosen again.
        "knee": "big",
    }
    (quick,) = [choice for choice in decision.choices if choice.aim is Aim.LATENCY]
    assert quick.changes["latency"].estimate == pytest.approx(-0.5)
    assert quick.changes["latency"].low == pytest.approx(-0.51)
    assert quick.changes["energy"].estimate == pytest.approx(0.5)
    assert not quick.is_reference


def test_throughput_is_judged_per_sample():
    decision = decide_rows(make_cell("base"), make_cell("big", batch_size=4, latency=0.020))
    assert name_choices(decision)["latency"] == "base"
    assert name_choices(decision)["throughput"] == "big"
    choice = next(choice for choice in decision.choices if choice.aim is Aim.THROUGHPUT)
    assert choice.changes["sample_time"].estimate == pytest.approx(-0.5)
    assert choice.changes["latency"].estimate == pytest.approx(1.0)


def test_a_lead_within_the_noise_names_the_base_with_the_nearest():
    decision = decide_rows(
        make_cell("base"), make_cell("near", latency=0.0099), latency=0.05, sample_time=0.05
    )
    choice = decision.choices[0]
    assert choice.is_reference
    assert choice.row.cell == "base"
    challenger, change = choice.challenger
    assert challenger.cell == "near"
    assert change.within_noise


def test_cells_whose_intervals_overlap_are_as_good():
    decision = decide_rows(
        make_cell("base"),
        make_cell("a", latency=0.005),
        make_cell("b", latency=0.00501),
        make_cell("c", latency=0.006),
    )
    choice = decision.choices[0]
    assert choice.row.cell == "a"
    assert [row.cell for row in choice.alike] == ["b"]


def test_an_exact_tie_goes_to_the_first():
    decision = decide_rows(
        make_cell("base"), make_cell("a", latency=0.005), make_cell("b", latency=0.005)
    )
    assert name_choices(decision)["latency"] == "a"
    assert [row.cell for row in decision.choices[0].alike] == ["b"]


@pytest.mark.parametrize(
    ("higher", "task", "worse"), [(True, 0.4, True), (True, 0.8, False), (False, 0.8, True)]
)
def test_a_cell_that_answers_worse_beyond_the_noise_is_not_named(higher, task, worse):
    decision = decide_rows(
        make_cell("base", higher=higher), make_cell("a", latency=0.001, task=task, higher=higher)
    )
    assert [row.cell for row in decision.worse] == (["a"] if worse else [])
    assert [row.cell for row in decision.better] == ([] if worse else ["a"])
    assert name_choices(decision)["latency"] == ("base" if worse else "a")


def test_a_loss_within_the_noise_does_not_count():
    decision = decide_rows(make_cell("base"), make_cell("a", latency=0.001, task=0.59), task=0.05)
    assert decision.worse == decision.better == ()
    assert name_choices(decision)["latency"] == "a"


def test_without_a_task_metric_the_word_error_rate_decides_and_less_is_better():
    decision = decide_rows(
        make_cell("base", task=None, wer=0.5), make_cell("a", latency=0.001, task=None, wer=0.7)
    )
    assert decision.quality.label == "WER"
    assert [row.cell for row in decision.worse] == ["a"]


def test_without_quality_the_cost_alone_decides():
    decision = decide_rows(make_cell("base", task=None), make_cell("a", latency=0.001, task=None))
    assert decision.quality is None
    assert name_choices(decision)["latency"] == "a"


def test_a_cell_whose_answers_cannot_be_compared_is_not_named():
    decision = decide_rows(make_cell("base"), make_cell("a", latency=0.001, task=None))
    assert [row.cell for row in decision.unjudged] == ["a"]
    assert name_choices(decision)["latency"] == "base"


def test_a_single_cell_is_best_for_every_aim():
    decision = decide_rows(make_cell("base"))
    assert set(name_choices(decision).values()) == {"base"}
    assert all(cell.is_reference for cell in decision.choices)


def test_without_energy_the_other_aims_remain():
    decision = decide_rows(
        make_cell("base", energy=None), make_cell("a", latency=0.001, energy=None)
    )
    assert name_choices(decision) == {"latency": "a", "throughput": "a", "knee": "a"}


def test_a_reference_without_figures_leaves_the_others_to_stand_alone():
    decision = decide_rows(make_cell("a", latency=0.002), make_cell("b", latency=0.001))
    assert decision.reference is None
    assert name_choices(decision)["latency"] == "b"
    assert not any(choice.changes for choice in decision.choices)


def test_where_nothing_was_measured_nothing_is_named():
    (decision,) = decide([make_cell("base", status="crashed", latency=None)], {}, REFERENCES)
    assert decision.choices == ()
    assert decision.rows == ()


def test_data_sets_and_models_are_decided_apart():
    rows = [make_cell("base"), make_cell("base", dataset="e"), make_cell("x", model="n")]
    decisions = decide(rows, {}, {"d": {"m": "base", "n": "x"}, "e": {"m": "base"}})
    assert [(decision.dataset, decision.model) for decision in decisions] == [
        ("d", "m"),
        ("e", "m"),
        ("d", "n"),
    ]


def test_the_front_is_what_no_other_point_beats():
    assert find_front([[1, 5], [2, 2], [5, 1], [3, 3], [2, 2]]) == [0, 1, 2, 4]
    assert find_front([[1, 1]]) == [0]


def test_the_knee_is_nearest_to_the_best_of_each_whatever_the_units():
    points = [[1.0, 100.0], [2.0, 20.0], [10.0, 10.0], [50.0, 50.0]]
    assert find_knee(points) == 1
    assert find_knee([[x * 1e6, y / 1e6] for x, y in points]) == 1
    assert find_knee([[3.0, 3.0], [3.0, 3.0]]) == 0


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
    task, words = Quality("task", "", True), Quality("wer", "", False)
    assert get_quality(row, task) == Interval(0.6, 0.4, 0.9)
    assert get_quality(row, words) == Interval(0.5, 0.25, 0.75)


def test_without_an_interval_both_ends_are_the_figure():
    assert get_latency(make_row(latency=2.0)) == Interval(2.0, 2.0, 2.0)


@pytest.mark.parametrize("cost", [None, 0.0, -1.0, float("inf"), float("nan")])
def test_what_is_no_positive_cost_is_none(cost):
    row = make_row(latency=cost, energy=cost)
    assert (get_latency(row), get_time_of_a_sample(row), get_energy(row)) == (None, None, None)


def test_a_tasks_metric_judges_before_the_word_error_rate():
    named = {"task_metric_label": "Accuracy", "task_higher_is_better": False}
    lacking = make_row(**named, wer_value=0.5)
    measured = make_row(**named, task_value=0.0, wer_value=0.5)
    assert choose_quality([lacking, measured]) == Quality("task", "Accuracy", False)
    assert choose_quality([lacking]) == Quality("wer", "WER", False)
    assert choose_quality([make_row(**named)]) is None


@pytest.mark.parametrize(("gap", "alike"), [(0.0, True), (0.25, False)])
def test_intervals_that_touch_overlap(gap: float, alike: bool) -> None:
    # The quick cell reaches up to 0.75, the slow one begins there or beyond.
    values = {"energy": None, "task": None}
    quick, slow = make_cell("a", latency=0.5, **values), make_cell("b", latency=1.0, **values)
    vars(quick).update(latency_low_s=0.25, latency_high_s=0.75)
    vars(slow).update(latency_low_s=0.75 + gap, latency_high_s=2.0)
    (decision,) = decide([quick, slow], {}, {})
    choice = decision.choices[0]
    assert choice.row.cell == "a"
    assert [row.cell for row in choice.alike] == (["b"] if alike else [])


def test_a_lead_within_the_noise_leaves_the_reference_out_of_those_as_good() -> None:
    decision = decide_rows(
        make_cell("base"),
        make_cell("near", latency=0.00999),
        make_cell("other", latency=0.009995),
        latency=0.05,
    )
    choice = decision.choices[0]
    assert (choice.row.cell, choice.changes) == ("base", {})
    assert choice.challenger[0].cell == "near"
    assert [row.cell for row in choice.alike] == ["other"]


def test_a_cell_that_was_never_compared_is_no_tie_with_the_reference() -> None:
    rows = [make_cell("base", task=None), make_cell("quick", task=None, latency=0.009)]
    (decision,) = decide(rows, {}, REFERENCES)
    choice = decision.choices[0]
    assert (choice.row.cell, choice.is_reference, choice.challenger) == ("quick", False, None)


def test_only_measured_cells_take_part() -> None:
    rows = [
        make_cell("base"),
        make_cell("crashed", status="crashed", latency=0.001),
        make_cell("untimed", latency=None),
    ]
    (decision,) = decide(rows, {}, REFERENCES)
    assert [row.cell for row in decision.rows] == ["base"]


def test_where_the_reference_has_no_quality_only_cells_without_one_are_as_good() -> None:
    decision = decide_rows(
        make_cell("base", task=None), make_cell("a", task=None), make_cell("b", latency=0.001)
    )
    assert [row.cell for row in decision.unjudged] == ["b"]
    assert name_choices(decision)["latency"] == "base"


def test_the_balance_is_against_the_reference_by_a_cost_that_differs() -> None:
    # As quick as the reference within the noise, and with half the energy.
    decision = decide_rows(
        make_cell("base"),
        make_cell("a", latency=0.0099, energy=1.0),
        latency=0.05,
        sample_time=0.05,
    )
    (knee,) = [choice for choice in decision.choices if choice.aim is Aim.KNEE]
    assert (knee.row.cell, knee.is_reference) == ("a", False)
    # Without a cost that differs there is no better balance.
    decision = decide_rows(
        make_cell("base"),
        make_cell("a", latency=0.0099, energy=1.98),
        **dict.fromkeys(("latency", "sample_time", "energy"), 0.05),
    )
    (knee,) = [choice for choice in decision.choices if choice.aim is Aim.KNEE]
    assert (knee.row.cell, knee.is_reference) == ("base", True)


def test_a_cost_that_a_cell_lacks_does_not_count_in_the_balance() -> None:
    rows = [make_cell("base", energy=None), make_cell("a", latency=0.001, energy=1000.0)]
    (decision,) = decide(rows, {}, {})
    assert name_choices(decision) == {
        "latency": "a",
        "throughput": "a",
        "energy": "a",
        "knee": "a",
    }


def build_first_screen(study: MadeStudy, folder: Any) -> Any:
    files = render_all(study, folder, draw=False)
    rows = list(read_summary(files.summary).values())
    differences = read_differences(files.differences)
    decisions = decide(rows, differences, study.outline.references)
    return build_answer(study.outline, decisions, rows)


def test_the_first_screen_names_settings_by_what_differs(tmp_path):
    screen = build_first_screen(MadeStudy(), tmp_path)
    assert [group.title for group in screen.groups] == ["TextVQA", "COCO", "ScienceQA"]
    textvqa, coco, _ = screen.groups
    assert textvqa.reference.startswith("Compared with the base config: ")
    assert coco.reference.startswith("Compared with batch 16: ")
    assert [tile.heading for tile in textvqa.tiles] == [
        "Lowest latency",
        "Highest throughput",
        "Lowest energy",
        "Best balance",
    ]
    throughput = textvqa.tiles[1]
    assert "batch 16" in throughput.setting
    assert throughput.verdict == "better"
    assert any(text.startswith("time per sample -") for text in throughput.against)
    assert throughput.figures[0].split()[1] == "samples/s"


def test_what_was_not_measured_stands_on_the_first_screen_by_its_reason(tmp_path):
    screen = build_first_screen(MadeStudy(), tmp_path)
    assert [(entry.count, entry.status) for entry in screen.missing] == [
        (1, "unsupported"),
        (1, "unavailable"),
    ]
    assert screen.missing[1].reason == "this machine has no cuda device"
    assert screen.missing[1].example == "TextVQA: GPU"


def test_many_reasons_are_cut_short(tmp_path):
    study = MadeStudy()
    for place, record in enumerate(study.records.values()):
        if place > 6:
            record |= {"status": "crashed", "reason": f"reason {place}", "quality": None}
            record |= {"wer_value": None, "latency": None, "energy": None, "flops": None}
    screen = build_first_screen(study, tmp_path)
    assert len(screen.missing) == 6
    assert screen.more_missing == len(study.records) - 7 - 6


def test_random_weights_are_decided_by_cost_and_say_so(tmp_path):
    study = MadeStudy()
    study.take_weights_away()
    screen = build_first_screen(study, tmp_path)
    assert all("Quality was not measured here" in group.notes[0] for group in screen.groups)
    assert all(group.tiles for group in screen.groups)


def test_nothing_measured_is_no_recommendation(failed):
    text = (failed.folder / "report.md").read_text()
    assert "Nothing was measured, so there is no setting to recommend." in text
    assert "21 cells (first: TextVQA: base config): killed by SIGKILL" in text


def test_the_base_cell_is_named_as_such(tmp_path):
    study = MadeStudy()
    key = ("textvqa", cell_id(AXES))
    study.records[key]["latency"] /= 100
    detail = study.records[key]["latency_detail"]
    for name in ("low_s", "high_s"):
        detail[name] /= 100
    detail["rounds_s"] = [seconds / 100 for seconds in detail["rounds_s"]]
    screen = build_first_screen(study, tmp_path)
    assert screen.groups[0].tiles[0].setting == "base config"
    assert screen.groups[0].tiles[0].verdict == "same"
