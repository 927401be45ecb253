"""Which setting is named, and when none is."""

from typing import Any

import pytest
from study_factory import AXES, MadeStudy, cell_id, render_all

from vlmeter.reporting.answer import answer
from vlmeter.reporting.decision import Aim, Decision, decide, front, knee
from vlmeter.reporting.frames import read_differences, read_summary

BASE = {"task": 0.6, "latency": 0.010, "energy": 2.0, "batch_size": 1}
REFERENCES = {"d": {"m": "base"}}


def row(cell: str, **given: Any) -> dict[str, Any]:
    """A measured cell; every interval is 1 % wide."""
    told = {**BASE, **given}
    latency, energy, task = told["latency"], told["energy"], told["task"]
    found: dict[str, Any] = {
        "dataset": told.get("dataset", "d"),
        "model": told.get("model", "m"),
        "cell": cell,
        "status": told.get("status", "ok"),
        "batch_size": told["batch_size"],
        "latency": latency,
        "energy": energy,
        "task_value": task,
        "task_metric_label": "Accuracy",
        "task_higher_is_better": told.get("higher", True),
        "wer_value": told.get("wer"),
    }
    for value, low, high in (
        (latency, "latency_low_s", "latency_high_s"),
        (energy, "energy_low_j", "energy_high_j"),
    ):
        found |= {low: value and value * 0.995, high: value and value * 1.005}
    return found


def against(cell: dict[str, Any], base: dict[str, Any], **noise: float) -> dict[str, Any]:
    """How a cell differs from its base; a difference counts beyond 1 % or the noise given."""
    found: dict[str, Any] = {}
    values = {
        "latency": (cell["latency"], base["latency"], "_s"),
        "sample_time": (
            *tuple(one["latency"] and one["latency"] / one["batch_size"] for one in (cell, base)),
            "_s",
        ),
        "energy": (cell["energy"], base["energy"], "_j"),
        "task": (cell["task_value"], base["task_value"], ""),
        "wer": (cell["wer_value"], base["wer_value"], ""),
    }
    for name, (of_cell, of_base, suffix) in values.items():
        known = of_cell is not None and of_base is not None
        difference = of_cell - of_base if known else None
        reach = noise.get(name, 0.01) * (of_base or 0.0)
        found[f"{name}_base{suffix}"] = of_base
        found[f"{name}_difference{suffix}"] = difference
        found[f"{name}_difference_low{suffix}"] = difference - reach if known else None
        found[f"{name}_difference_high{suffix}"] = difference + reach if known else None
        found[f"{name}_differs"] = abs(difference) > reach if known else None
    return found


def decided(*rows: dict[str, Any], **noise: float) -> Decision:
    base = next((one for one in rows if one["cell"] == "base"), rows[0])
    differences = {
        ("d", one["cell"], "base"): against(one, base, **noise) for one in rows if one is not base
    }
    (found,) = decide(rows, differences, REFERENCES)
    return found


def named(found: Decision) -> dict[str, str]:
    return {choice.aim.value: choice.row["cell"] for choice in found.choices}


def test_each_aim_has_its_best_cell():
    found = decided(
        row("base"),
        row("big", batch_size=16, latency=0.080, energy=1.0),
        row("quick", latency=0.005, energy=3.0),
    )
    assert named(found) == {
        "latency": "quick",
        # 16 samples in 80 ms take as long each as one in 5 ms: the first of the two.
        "throughput": "big",
        "energy": "big",
        # Both are best in two costs of three: the first again.
        "knee": "big",
    }
    (quick,) = [one for one in found.choices if one.aim is Aim.LATENCY]
    assert quick.changes["latency"].value == pytest.approx(-0.5)
    assert quick.changes["latency"].low == pytest.approx(-0.51)
    assert quick.changes["energy"].value == pytest.approx(0.5)
    assert not quick.is_reference


def test_throughput_is_judged_per_sample():
    found = decided(row("base"), row("big", batch_size=4, latency=0.020))
    assert named(found)["latency"] == "base"
    assert named(found)["throughput"] == "big"
    choice = next(one for one in found.choices if one.aim is Aim.THROUGHPUT)
    assert choice.changes["sample_time"].value == pytest.approx(-0.5)
    assert choice.changes["latency"].value == pytest.approx(1.0)


def test_a_lead_within_the_noise_names_the_base_with_the_nearest():
    found = decided(row("base"), row("near", latency=0.0099), latency=0.05, sample_time=0.05)
    choice = found.choices[0]
    assert choice.is_reference
    assert choice.row["cell"] == "base"
    challenger, change = choice.challenger
    assert challenger["cell"] == "near"
    assert change.differs is False


def test_cells_whose_intervals_overlap_are_as_good():
    found = decided(
        row("base"), row("a", latency=0.005), row("b", latency=0.00501), row("c", latency=0.006)
    )
    choice = found.choices[0]
    assert choice.row["cell"] == "a"
    assert [one["cell"] for one in choice.alike] == ["b"]


def test_an_exact_tie_goes_to_the_first():
    found = decided(row("base"), row("a", latency=0.005), row("b", latency=0.005))
    assert named(found)["latency"] == "a"
    assert [one["cell"] for one in found.choices[0].alike] == ["b"]


@pytest.mark.parametrize(
    ("higher", "task", "worse"), [(True, 0.4, True), (True, 0.8, False), (False, 0.8, True)]
)
def test_a_cell_that_answers_worse_beyond_the_noise_is_not_named(higher, task, worse):
    found = decided(row("base", higher=higher), row("a", latency=0.001, task=task, higher=higher))
    assert [one["cell"] for one in found.worse] == (["a"] if worse else [])
    assert [one["cell"] for one in found.better] == ([] if worse else ["a"])
    assert named(found)["latency"] == ("base" if worse else "a")


def test_a_loss_within_the_noise_is_none():
    found = decided(row("base"), row("a", latency=0.001, task=0.59), task=0.05)
    assert found.worse == found.better == ()
    assert named(found)["latency"] == "a"


def test_without_a_task_metric_the_word_error_rate_decides_and_less_is_better():
    found = decided(row("base", task=None, wer=0.5), row("a", latency=0.001, task=None, wer=0.7))
    assert found.quality.label == "WER"
    assert [one["cell"] for one in found.worse] == ["a"]


def test_without_quality_the_cost_alone_decides():
    found = decided(row("base", task=None), row("a", latency=0.001, task=None))
    assert found.quality is None
    assert named(found)["latency"] == "a"


def test_a_cell_whose_answers_cannot_be_compared_is_not_named():
    found = decided(row("base"), row("a", latency=0.001, task=None))
    assert [one["cell"] for one in found.unjudged] == ["a"]
    assert named(found)["latency"] == "base"


def test_one_cell_alone_is_the_answer_to_everything():
    found = decided(row("base"))
    assert set(named(found).values()) == {"base"}
    assert all(one.is_reference for one in found.choices)


def test_without_energy_the_other_aims_remain():
    found = decided(row("base", energy=None), row("a", latency=0.001, energy=None))
    assert named(found) == {"latency": "a", "throughput": "a", "knee": "a"}


def test_a_reference_without_figures_leaves_the_others_to_stand_alone():
    found = decided(row("a", latency=0.002), row("b", latency=0.001))
    assert found.reference is None
    assert named(found)["latency"] == "b"
    assert not any(choice.changes for choice in found.choices)


def test_where_nothing_was_measured_nothing_is_named():
    (found,) = decide([row("base", status="crashed", latency=None)], {}, REFERENCES)
    assert found.choices == ()
    assert found.rows == ()


def test_data_sets_and_models_are_decided_apart():
    rows = [row("base"), row("base", dataset="e"), row("x", model="n")]
    found = decide(rows, {}, {"d": {"m": "base", "n": "x"}, "e": {"m": "base"}})
    assert [(one.dataset, one.model) for one in found] == [("d", "m"), ("e", "m"), ("d", "n")]


def test_the_front_is_what_no_other_point_beats():
    assert front([[1, 5], [2, 2], [5, 1], [3, 3], [2, 2]]) == [0, 1, 2, 4]
    assert front([[1, 1]]) == [0]


def test_the_knee_is_nearest_to_the_best_of_each_whatever_the_units():
    points = [[1.0, 100.0], [2.0, 20.0], [10.0, 10.0], [50.0, 50.0]]
    assert knee(points) == 1
    assert knee([[x * 1e6, y / 1e6] for x, y in points]) == 1
    assert knee([[3.0, 3.0], [3.0, 3.0]]) == 0


def first_screen(study: MadeStudy, folder: Any) -> Any:
    files = render_all(study, folder, draw=False)
    rows = list(read_summary(files.summary).values())
    differences = read_differences(files.differences)
    decisions = decide(rows, differences, study.outline["references"])
    return answer(study.outline, decisions, rows)


def test_the_first_screen_names_settings_by_what_sets_them_apart(tmp_path):
    found = first_screen(MadeStudy(), tmp_path)
    assert [group.title for group in found.groups] == ["TextVQA", "COCO", "ScienceQA"]
    textvqa, coco, _ = found.groups
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
    found = first_screen(MadeStudy(), tmp_path)
    assert [(one.count, one.status) for one in found.missing] == [
        (1, "unsupported"),
        (1, "unavailable"),
    ]
    assert found.missing[1].reason == "this machine has no cuda device"
    assert found.missing[1].example == "TextVQA: GPU"


def test_many_reasons_are_cut_short(tmp_path):
    study = MadeStudy()
    for place, record in enumerate(study.records.values()):
        if place > 6:
            record |= {"status": "crashed", "reason": f"reason {place}", "quality": None}
            record |= {"wer_value": None, "latency": None, "energy": None, "flops": None}
    found = first_screen(study, tmp_path)
    assert len(found.missing) == 6
    assert found.more_missing == len(study.records) - 7 - 6


def test_random_weights_are_decided_by_cost_and_say_so(tmp_path):
    study = MadeStudy()
    study.take_weights_away()
    found = first_screen(study, tmp_path)
    assert all("Quality was not measured here" in group.notes[0] for group in found.groups)
    assert all(group.tiles for group in found.groups)


def test_nothing_measured_is_no_recommendation(failed):
    text = (failed.folder / "report.md").read_text()
    assert "Nothing was measured, so there is no setting to recommend." in text
    assert "21 cells (first: TextVQA: base config): killed by SIGKILL" in text


def test_a_cell_of_the_base_is_called_so(tmp_path):
    study = MadeStudy()
    key = ("textvqa", cell_id(AXES))
    study.records[key]["latency"] /= 100
    detail = study.records[key]["latency_detail"]
    for name in ("low_s", "high_s"):
        detail[name] /= 100
    detail["rounds_s"] = [one / 100 for one in detail["rounds_s"]]
    found = first_screen(study, tmp_path)
    assert found.groups[0].tiles[0].setting == "base config"
    assert found.groups[0].tiles[0].verdict == "same"
