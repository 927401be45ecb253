"""Whole cells and profiles on a simulated machine: what the tables say is what the machine did."""

import ast
import json
from collections import defaultdict
from dataclasses import fields, replace
from pathlib import Path

import pytest
from simulation.card import POWER_CAP, THERMAL
from simulation.cells import make_job, run_cell, run_profile, write_study
from simulation.expected import about
from simulation.host import DRAM_W, RAM_W
from simulation.machine import SEEN_BY_CODECARBON, Settings
from simulation.reference import make_reference
from simulation.truth import SHARE, list_truths
from simulation.truth_layers import find_forward, find_step, list_rows
from simulation.truth_record import list_record_truths
from simulation.truth_request import list_request_truths
from simulation.windows import part_passes
from tiny_model import _one_thread, checkpoint, pictures

from vlmeter.results.layer_row import LayerRow
from vlmeter.results.record import read_record
from vlmeter.results.summary_row import SummaryRow, build_summary_row

__all__ = ["_one_thread", "checkpoint", "pictures"]

MACHINES = {
    "cpu": Settings(has_rapl=True),
    "one card": Settings(shown=(2,)),
    "two cards": Settings(shown=(2, 1)),
    "compiled": Settings(),
    "disturbed": Settings(
        shown=(0,),
        foreign_share=0.7,
        throttle=POWER_CAP | THERMAL,
        slowdown=1.2,
        others=(4242, 4343),
    ),
    "passed by": Settings(shown=(0,), is_passed_by=True),
}
DISTURBED = {
    "gpu_throttle_reasons": "sw_power_cap; sw_thermal_slowdown",
    "disturbed": True,
    "disturbance": (
        "other processes took 70% of the machine's processor time; "
        "other processes were on the GPU (ids 4242, 4343); "
        "gpu0 was slowed down (sw_thermal_slowdown)"
    ),
}
UNIT = Path(__file__).parents[1]
NOT_READ = "results/test_summary_row.py::test_a_block_that_could_not_be_read_has_its_reason_alone"
PER_RIGHT = "results/test_right_answers.py::test_a_right_answer_takes_the_energy_of_all_answers"
WHY_NOT_RIGHT = (
    "results/test_right_answers.py::test_why_there_is_no_energy_per_right_answer_is_in_the_row"
)
OWN_REASON = "cell/test_worker.py::test_each_reason_of_an_energy_is_in_its_own_column"
ELSEWHERE = {
    "conditions_reason": NOT_READ,
    "content_digest": "models/test_inputs.py::"
    "test_other_pixels_are_the_same_computation_on_another_input",
    "energy_net_reason": OWN_REASON,
    "energy_per_right_high_j": PER_RIGHT,
    "energy_per_right_j": PER_RIGHT,
    "energy_per_right_low_j": PER_RIGHT,
    "energy_per_right_reason": WHY_NOT_RIGHT,
    "energy_per_token_reason": OWN_REASON,
    "energy_reason": OWN_REASON,
    "flops_reason": NOT_READ,
    "flops_uncounted": "measure/flops/test_count.py::"
    "test_uncounted_operators_are_listed_and_none_of_them_is_heavy",
    "generation_reason": NOT_READ,
    "kv_cache_reason": NOT_READ,
    "memory_reason": NOT_READ,
    "request_reason": NOT_READ,
    "shape_digest": "models/test_inputs.py::test_another_token_or_mask_is_another_computation",
    "unparsed_rate": "results/test_score_predictions.py::"
    "test_option_scores_are_ranked_where_predictions_carry_them",
}
"""Columns that are empty here, or whose content is no truth of a machine, and who holds each."""


@pytest.fixture(scope="module")
def study(tmp_path_factory, checkpoint, pictures):
    return write_study(tmp_path_factory.mktemp("simulated"), checkpoint, pictures)


@pytest.fixture(scope="module")
def reference(study, pictures):
    return make_reference(study.model.with_suffix(""), pictures[:4])


@pytest.fixture(scope="module", params=MACHINES)
def cell(request, study, tmp_path_factory):
    settings = MACHINES[request.param]
    gpus = len(settings.shown)
    optimization = "compile" if request.param == "compiled" else "eager"
    # On two cards the window is as long as the least iterations, else as its seconds.
    changes = {"min_iterations": 60} if gpus > 1 else {}
    if settings.is_passed_by:
        # Windows that end by their interval leave time to measure one of them again.
        changes = {"repeats": None, "target_interval": 0.12, "window_s": 12.0}
    job = make_job("cuda" if gpus else "cpu", gpus, optimization, **changes)
    return run_cell(study, settings, job, tmp_path_factory.mktemp("cell") / "cells/photos/c")


@pytest.fixture(scope="module")
def truths(cell, study, reference):
    truths = {
        **list_truths(cell, reference),
        **list_request_truths(cell, reference),
        **list_record_truths(cell, study, reference),
    }
    return truths | (DISTURBED if cell.machine.settings.others else {})


def list_wrong(rows, truths):
    """Return what differs: row, column, shown, truth."""
    assert set(rows) == set(truths)
    return [
        (name, column, getattr(rows[name], column), expected)
        for name, truth in truths.items()
        for column, expected in truth.items()
        if getattr(rows[name], column) != expected
    ]


def test_every_column_shows_what_the_machine_did(cell, truths):
    wrong = list_wrong({"cell": cell.row}, {"cell": truths})
    assert wrong == [], "\n".join(map(str, wrong))


def test_every_column_has_a_truth_or_a_test_elsewhere(truths):
    columns = {field.name for field in fields(SummaryRow)}
    assert columns == set(truths) | set(ELSEWHERE)
    without_reason = {name for name in ELSEWHERE if truths.get(name) is not None}
    assert without_reason == set(), "a truth needs no other test"


def test_each_reason_of_an_energy_is_in_its_own_column(cell):
    names = ["energy_reason", "energy_net_reason", "energy_per_token_reason"]
    reasons = {name: f"why {name}" for name in names}
    energy = replace(cell.figures.energy_detail, **reasons)
    record = read_record(cell.folder / "record.json")
    row = build_summary_row(replace(record, figures=replace(cell.figures, energy_detail=energy)))
    assert {name: getattr(row, name) for name in names} == reasons


def test_each_file_that_another_could_be_taken_for_says_its_place(cell, profile, study):
    root = cell.folder.parents[2]
    places = {
        **{f"cells/photos/c/{name}.json": root for name in ("measurement", "record")},
        "layers/c.json": profile.record.parents[1],
        "models/tiny-fp32.json": study.folder,
        "data/photos/img28/images.json": study.folder,
    }
    stated = {
        place: json.loads((folder / place).read_text(encoding="utf-8"))["place"]
        for place, folder in places.items()
    }
    assert stated == {place: place for place in places}


def test_codecarbon_stands_beside_the_counters_of_the_cell_s_own_devices(cell):
    settings, seen = cell.machine.settings, SEEN_BY_CODECARBON
    host = {"cpu": seen["cpu"] - 1, "ram": seen["ram"] * RAM_W / DRAM_W - 1}
    beside = {
        name: about(share, abs=SHARE) if settings.has_rapl else None for name, share in host.items()
    }
    cards = [f"gpu{index}" for index in settings.shown]
    # Of two cards there is only the sum.
    beside |= dict.fromkeys(cards, about(seen["gpu"] - 1, abs=SHARE) if len(cards) == 1 else None)
    parts = cell.figures.energy_detail.components
    assert {part.device: part.difference for part in parts} == beside


def test_every_card_is_read_in_both_energy_windows(cell):
    windows, energy = part_passes(cell), cell.figures.energy_detail
    # A generation lasts longer than a tick: around every round there is one, and one before all.
    generations = len(windows.generation_energy) - energy.token_end.rounds - 2
    count = 0.0
    for passes, within in (
        (windows.energy, energy.batches),
        (windows.generation_energy, generations),
    ):
        # As many passes between two readings as fit into a quarter of a second, and one at least.
        seconds = sum(it.seconds for it in passes) / len(passes)
        count += within / max(1, int(0.25 / seconds))
    samples = {gpu.device: gpu.samples for gpu in cell.figures.conditions.gpus}
    assert samples == {
        f"gpu{index}": about(count, rel=0.15) for index in cell.machine.settings.shown
    }


@pytest.mark.parametrize("name", sorted(set(ELSEWHERE.values())))
def test_a_test_elsewhere_is_there(name):
    file, test = name.split("::")
    tree = ast.parse((UNIT / file).read_text())
    assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.fixture(scope="module", params=["cpu", "one card"])
def profile(request, study, tmp_path_factory):
    return run_profile(study, MACHINES[request.param], tmp_path_factory.mktemp("profile"))


@pytest.mark.parametrize(("is_step", "find"), [(False, find_forward), (True, find_step)])
def test_every_row_of_a_profile_shows_what_the_layer_did(profile, reference, is_step, find):
    truth = find(profile, reference)
    rows = {
        (row.module, row.stage): row for row in profile.rows if (row.stage == "decode") == is_step
    }
    truths = list_rows(truth, reference, is_step=is_step)
    assert list_wrong(rows, truths) == []
    whole = profile.plain["decode"] if is_step else profile.plain
    figures = truth.list_figures()
    assert {name: whole[name] for name in figures} == figures
    columns = {field.name for field in fields(LayerRow)}
    assert all(set(row) | {"cell", "dataset"} == columns for row in truths.values())
    assert {(row.cell, row.dataset) for row in profile.rows} == {("c", "photos")}


def test_each_stage_s_rows_add_up_to_the_stage_in_a_pass_without_hooks(study, tmp_path):
    """The hooks cost the card nothing that works on large layers, and the host much."""
    settings = Settings(seed=None, shown=(0,), small_stages=("qformer", "prefill"))
    profile = run_profile(study, settings, tmp_path, iterations=5)
    rows = [row for row in profile.rows if row.stage != "decode"]
    plain = [it for it in profile.passes if (it.kind, it.is_timed) == ("forward", True)][-1]
    shown_ms = defaultdict(float)
    for row in rows:
        shown_ms[row.stage or ""] += row.time_ms
    assert shown_ms == about({stage: 1e3 * own_s for stage, own_s in plain.stages_s.items()}, 0.02)
