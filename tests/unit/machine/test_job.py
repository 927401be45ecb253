"""The job that describes a machine goes through plain params unchanged."""

from dataclasses import asdict

from machines import make_machine_job

from vlmeter.machine.job import MachineJob


def test_the_params_of_a_job_give_the_job():
    job = make_machine_job(("cpu", "fp32"), ("cuda", "fp16"), gpus=["GPU-a, driver 580.65"])
    assert MachineJob.from_params(asdict(job)) == job
