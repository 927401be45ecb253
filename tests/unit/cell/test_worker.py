"""Whole cells on a simulated machine: what the tables say is what the machine did."""

import pytest
from simulation.cells import make_job, run_cell, write_study
from simulation.machine import Settings
from simulation.reference import make_reference
from simulation.truth import list_truths
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
    assert wrong == {}
