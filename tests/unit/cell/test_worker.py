"""Whole cells on a simulated machine: what the tables say is what the machine did."""

import pytest
from simulation.cells import make_job, run_cell, run_profile, write_study
from simulation.machine import Settings
from simulation.reference import make_reference
from simulation.truth import list_truths
from simulation.truth_layers import find_forward, find_step, list_rows
from tiny_model import _one_thread, checkpoint, pictures

__all__ = ["_one_thread", "checkpoint", "pictures"]

MACHINES = {
    "cpu": Settings(has_rapl=True),
    "one card": Settings(shown=(2,)),
    "two cards": Settings(shown=(2, 1)),
}


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
    job = make_job("cuda" if gpus else "cpu", gpus)
    return run_cell(study, settings, job, tmp_path_factory.mktemp("cell"))


@pytest.fixture(scope="module")
def truths(cell, reference):
    return list_truths(cell, reference)


def test_every_column_shows_what_the_machine_did(cell, truths):
    wrong = {
        name: (getattr(cell.row, name), truth)
        for name, truth in truths.items()
        if not getattr(cell.row, name) == truth
    }
    assert not wrong, "\n".join(f"{name}: {pair}" for name, pair in wrong.items())


@pytest.fixture(scope="module", params=["cpu", "one card"])
def profile(request, study, tmp_path_factory):
    return run_profile(study, MACHINES[request.param], tmp_path_factory.mktemp("profile"))


@pytest.mark.parametrize(("is_step", "find"), [(False, find_forward), (True, find_step)])
def test_every_row_of_a_profile_shows_what_the_layer_did(profile, reference, is_step, find):
    truth = find(profile, reference)
    rows = {row.module: row for row in profile.rows if (row.stage == "decode") == is_step}
    truths = list_rows(truth, reference, is_step=is_step)
    assert list_wrong(rows, truths) == []
    whole = profile.plain["decode"] if is_step else profile.plain
    figures = truth.list_figures()
    assert {name: whole[name] for name in figures} == figures


def list_wrong(rows, truths):
    """Return what differs: row, column, shown, truth."""
    assert set(rows) == set(truths)
    return [
        (name, column, getattr(rows[name], column), expected)
        for name, truth in truths.items()
        for column, expected in truth.items()
        if not getattr(rows[name], column) == expected
    ]
