"""A job is the same before Snakemake keeps its params and after."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from job_factory import FIRST_ATTEMPT, make_cell_job, make_layers_job, make_setup

from vlmeter.cell.job import CellInputs, CellJob, LayersJob, Shard, ShardJob
from vlmeter.models.optimization import AttentionByPart, Compile, Optimization
from vlmeter.storage.job_keys import compute_job_key
from vlmeter.storage.typed import from_params

MIXED = Optimization(
    "mixed",
    AttentionByPart(vision="sdpa", qformer="eager", text="sdpa"),
    compile=Compile("default", "whole"),
)
JOBS = [
    make_cell_job(),
    make_cell_job(None, cost_only=True, optimization=MIXED),
    make_layers_job(),
    ShardJob(make_setup(), "abc", {"torch": "x"}, Shard(number=2, shards=3)),
]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_comes_back_from_its_params_as_it_was(job):
    params = {**job.as_params(), "attempt": asdict(FIRST_ATTEMPT)}
    assert from_params(type(job), json.loads(json.dumps(params))) == job


@pytest.mark.parametrize("job", JOBS)
def test_params_are_plain(job):
    assert job.as_params() == asdict(job)


def test_which_try_it_is_is_no_part_of_what_a_job_depends_on():
    assert "attempt" not in make_cell_job().as_params()


@pytest.mark.parametrize("kind", [CellJob, LayersJob])
def test_whatever_a_job_depends_on_begins_its_attempts_anew(kind):
    job = make_cell_job() if kind is CellJob else make_layers_job()
    setup = replace(job.cell, decoding=replace(job.cell.decoding, max_new_tokens=5))
    others = [
        replace(job, cell=setup),
        replace(job, code="other"),
        replace(job, software={}),
        replace(job, measure=replace(job.measure, repeats=9)),
    ]
    keys = {compute_job_key(other.as_params()) for other in (job, *others)}
    assert len(keys) == 5


def test_a_model_whose_device_is_missing_is_no_input():
    inputs = CellInputs.from_files({"images": "i.json", "machine": "m.json"})
    assert inputs == CellInputs(Path("i.json"), None)
    assert CellInputs.from_files({"images": "i", "model": "m"}).opened_model == Path("m")
