"""The disk is full, or takes nothing at all."""

import random
import shutil
import subprocess
from contextlib import suppress

from expectations import expect, run_again
from study import RESULTS_FOLDER, Ended, Job, Study


def _on_a_disk_of(study: Study, job: Job, mount: str) -> Ended:
    """Run a job with its results on a disk of its own, which ends with the job."""
    results = study.tree.path(str(RESULTS_FOLDER))
    for output in job.outputs:
        path = study.tree.path(str(output))
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return study.run(
        job,
        study.environment(),
        *("unshare", "--mount", "sh", "-c"),
        mount.format(results=results) + ' && exec "$@"',
        "sh",
    )


def fill_the_disk(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named("preprocess_images", "run_inference", "score_predictions"))
    spare = dice.randrange(1, 12) * 1024
    mount = (
        "cp -a {results} {results}.copy && mount -t tmpfs -o size=64m none {results} && "
        "cp -a {results}.copy/. {results} && rm -rf {results}.copy && "
        "(cat /dev/zero > {results}/filler 2>/dev/null; "
        f"truncate -s -{spare} {{results}}/filler)"
    )
    ended = _on_a_disk_of(study, job, mount)
    if ended.code != 0:
        expect("no room left on the disk" in ended.output, f"no clear words: {ended.output[-500:]}")
        expect("Traceback" not in ended.output, f"a traceback: {ended.output[-800:]}")
    run_again(study, job)
    return ended.output.strip().splitlines()[-1] if ended.code else "there was just enough room"


def make_it_read_only(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named("preprocess_images", "run_inference", "score_predictions"))
    ended = _on_a_disk_of(
        study, job, "mount --bind {results} {results} && mount -o remount,ro,bind {results}"
    )
    expect(ended.code != 0, "a job that could write nothing ended well")
    expect("cannot be written" in ended.output, f"no clear words: {ended.output[-500:]}")
    expect("Traceback" not in ended.output, f"a traceback: {ended.output[-800:]}")
    run_again(study, job)
    return ended.output.strip().splitlines()[-1]


def may_mount() -> bool:
    """Whether this process may give a job a disk of its own."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False
