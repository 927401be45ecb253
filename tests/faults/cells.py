"""A cell ends badly: no memory, no time, no numbers, no GPU, another clock, or a bug."""

import pickle
import random
from dataclasses import replace

from expectations import expect, expect_status, run_again
from study import RESULTS_FOLDER, Job, Study

from vlmeter.storage.files import read_json


def end_badly(ending: str, status: str, *words: str):
    """A fault of the measuring code itself; torch is loaded where it is a real one."""

    def happen(study: Study, dice: random.Random) -> str:
        job = dice.choice(study.measurable())
        quick = ending in ("cuda memory", "raise")
        ended = study.run(job, study.environment({job.cell: ending}, quick=quick))
        expect(ended.code == 0, ended.output[-500:])
        message = expect_status(study, job, status, *words)
        run_again(study, job)
        return message

    return happen


def run_out_of_memory(study: Study, dice: random.Random) -> str:
    """The process gets little more memory than it uses; a library may die of that itself."""
    job = dice.choice(study.measurable())
    spare = str(dice.randrange(1, 40))
    # Started: a fork has more memory mapped than a process of its own.
    environment = study.environment({job.cell: "host memory"}, quick=False, SPARE_MIB=spare)
    ended = study.run(job, environment, forked=False)
    expect(ended.code == 0, ended.output[-500:])
    measurement = read_json(study.tree.path(str(job.outputs[0])))
    status, reason = str(measurement["status"]), str(measurement["reason"])
    expect(status != "ok", "there was enough memory")
    recognised = status == "out_of_memory" or "killed by SIG" in reason or "new thread" in reason
    expect(recognised or "ended with exit code" in reason, f"{status}: {reason}")
    expect_status(study, job, status)
    run_again(study, job)
    return f"{status}: {reason}"


def hang(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.measurable())
    short = _with_timeout(study, job, 1)
    ended = study.run(short, study.environment({job.cell: "hang"}))
    expect(ended.code == 0, ended.output)
    message = expect_status(study, job, "crashed", "took longer than the 1 s of measure.timeout_s")
    run_again(study, job)
    return message


def _with_timeout(study: Study, job: Job, seconds: int) -> Job:
    name, args, kwargs = pickle.loads(job.kept.read_bytes())
    *others, _ = args
    kept = job.kept.with_suffix(".short")
    kept.write_bytes(pickle.dumps((name, (*others, seconds), kwargs)))
    return replace(job, kept=kept)


def change_the_clock(study: Study, dice: random.Random) -> str:
    """Figures are taken from a clock that nobody can set."""
    job = dice.choice(study.measurable())
    ended = study.run(job, study.environment({job.cell: "clock"}, quick=False))
    expect(ended.code == 0, ended.output[-500:])
    measurement = read_json(study.tree.path(str(job.outputs[0])))
    expect(measurement["status"] == "ok", f"{measurement['status']}: {measurement['reason']}")
    detail = measurement["latency_detail"]
    assert isinstance(detail, dict)
    expect(0 < detail["latency_s"] < 60, f"latency {detail['latency_s']}")
    expect(0 < detail["window_s"] < 600, f"window {detail['window_s']}")
    run_again(study, job)
    return "the wall clock jumped; no figure did"


def lose_the_gpu(study: Study, dice: random.Random) -> str:
    """The GPU was there when the run began, and is not when the cell's turn comes."""
    job = next(job for job in study.named("run_inference") if "-cuda" in job.cell)
    name, args, kwargs = pickle.loads(job.kept.read_bytes())
    # The log, the device, its GPUs, the work, its job and its attempt come before the inputs.
    inputs = replace(args[6], model=RESULTS_FOLDER / "models/tiny-fp32.json")
    args = (*args[:6], inputs, *args[7:])
    kept = job.kept.with_suffix(".gone")
    kept.write_bytes(pickle.dumps((name, args, kwargs)))
    ended = study.run(replace(job, kept=kept), study.environment())
    expect(ended.code == 0, ended.output)
    message = expect_status(study, job, "unavailable", "this machine has no cuda device")
    run_again(study, job)
    return message
