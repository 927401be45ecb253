"""The job that describes a machine goes through plain params unchanged."""

from dataclasses import asdict

from machines import make_machine_job

from vlmeter.machine.job import MachineJob
from vlmeter.storage.typed import from_params


def test_the_params_of_a_job_give_the_job():
    job = make_machine_job(("cpu", "fp32"), ("cuda", "fp16"), gpus=["GPU-a, driver 580.65"])
    assert from_params(MachineJob, asdict(job)) == job
