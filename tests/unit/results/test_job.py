"""The job that scores a cell is the same before Snakemake keeps its params and after."""

import json
from dataclasses import asdict, replace

import pytest
from record_factory import make_cell
from study_factory import AXES

from vlmeter.results.job import ScoreJob
from vlmeter.storage.typed import from_params

JOB = ScoreJob(make_cell("shown", "textvqa", AXES), "vqa", seed=3, resamples=200)


@pytest.mark.parametrize("job", [JOB, replace(JOB, not_measured="random weights")])
def test_a_job_comes_back_from_its_params_as_it_was(job):
    assert from_params(ScoreJob, json.loads(json.dumps(asdict(job)))) == job
