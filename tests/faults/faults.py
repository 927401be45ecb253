"""What can go wrong, each as a function of a study and a seed that raises where VLMeter gives way.

After each fault: no file is taken for whole that is not, what is told names the file or the cell,
and running again ends in the very files of an undisturbed run.
"""

import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from study import RESULTS_FOLDER, Ended, Job, Study, descendants, working_in

from vlmeter.config.load import load_config
from vlmeter.errors import UserError
from vlmeter.files import read_json
from vlmeter.jobs import Jobs
from vlmeter.study import Study as Config
from vlmeter.verify import damages

ADVICE = re.compile(r"[Dd]elete (\S+) and run again")
QUICK_RULES = (
    *("download_dataset", "preprocess_images", "run_inference", "score_predictions"),
    *("aggregate", "plot_section", "render_report", "check_study"),
)
"""Jobs that take little time where cells have their figures from elsewhere."""


OPENING_THE_MODEL = ("run_inference", "measure_control", "profile_layers")


class NoticedTooLittle(AssertionError):
    """A fault that VLMeter did not meet as it should."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault."""

    name: str
    happen: Callable[[Study, random.Random], str]
    """Does it, sees that it is met well, and returns what was told."""
    share: int
    """How often it comes, compared with the others."""


def expect(condition: object, words: str) -> None:
    if not condition:
        raise NoticedTooLittle(words)


def run_again(study: Study, job: Job) -> None:
    """What one does after any fault; the study is then as if nothing had happened."""
    ended = study.run(job, study.environment())
    expect(ended.code == 0, f"running {job.name} again failed: {ended.told[-500:]}")
    changed = study.differences()
    expect(not changed, f"after running again other files than in an undisturbed run: {changed}")


def expect_whole_or_absent(study: Study) -> None:
    with working_in(study.tree.folder):
        halves = [words for words in damages(RESULTS_FOLDER) if "is missing" not in words]
    expect(not halves, f"half-written files look finished: {halves}")


def expect_status(study: Study, job: Job, status: str, *words: str) -> str:
    """A cell that ended badly says so, has no figure and no traceback where none is due."""
    told = read_json(study.tree.path(str(job.outputs[0])))
    expect(told["status"] == status, f"{job.cell}: {told['status']} ({told['reason']})")
    for word in words:
        expect(word in str(told["reason"]), f"{told['reason']!r} does not tell {word!r}")
    expect(
        set(told) <= {*("status", "reason", "traceback", "attempt", "files")}, "figures invented"
    )
    return f"{status}: {told['reason']}"


# One byte of a stored file changes.


def corrupt(study: Study, dice: random.Random) -> str:
    kinds: dict[str, list[Path]] = {}
    for path in sorted(study.tree.path(str(RESULTS_FOLDER)).rglob("*")):
        relative = path.relative_to(study.tree.folder)
        # Logs are read by nobody; notes of tries have a fault of their own.
        stored = not {"logs", "attempts"} & {*relative.parts}
        if path.is_file() and path.stat().st_size and stored:
            kinds.setdefault(_kind(relative), []).append(relative)
    kind = dice.choice(sorted(kinds))
    relative = dice.choice(kinds[kind])
    path = study.tree.path(str(relative))
    content = bytearray(path.read_bytes())
    seal = max(content.rfind(mark) for mark in (b'"checksum": "', b"<!-- checksum: "))
    place = dice.randrange(len(content))
    content[place] ^= dice.randrange(1, 256)
    path.write_bytes(content)
    try:
        words = _told_by_readers(study, relative) or _told_by_verify(study, relative)
        if words is not None:
            _follow_advice(study, relative, words)
        else:
            expect(0 <= seal <= place, f"nobody noticed byte {place} of {relative}")
            words = "the name of the checksum changed, and nothing else"
    finally:
        study.restore([relative, *_made_with(study, relative)])
    expect(not study.differences(), f"{relative} left traces")
    return words


def _kind(path: Path) -> str:
    """Files of one kind differ in nothing but the names of cells and data sets."""
    top = path.parts[2]
    return top if path.parent == RESULTS_FOLDER else f"{top}/…/{path.name}"


def _told_by_readers(study: Study, relative: Path) -> str | None:
    """What the jobs say that read the file; they must not take another figure from it."""
    told = None
    for job in _readers(study, relative):
        try:
            if job.rule in OPENING_THE_MODEL:
                _set_up(study, job)
            else:
                study.call(job)
        except UserError as error:
            told = told or str(error)
            expect(relative.name in str(error), f"{job.name} says only: {error}")
        else:
            changed = study.differences(job.outputs)
            expect(not changed, f"{job.name} took other figures from {relative}: {changed}")
        study.restore(path for path in job.outputs if path != relative)
    return told


def _readers(study: Study, relative: Path) -> list[Job]:
    """The jobs of which an argument is the file, its manifest or its folder."""
    names = {str(relative), str(relative.with_suffix(".json"))}
    names |= {f"{parent}.json" for parent in relative.parents}
    readers = []
    for job in study.jobs.values():
        kept = job.kept.read_bytes().decode("latin-1")
        if relative not in job.outputs and any(_is_named(name, kept) for name in names):
            readers.append(job)
    # A model takes a second to be opened: one job of those that do is enough.
    slow = [job for job in readers if job.rule in OPENING_THE_MODEL]
    makers = ("describe_machine", "download_dataset", "fetch_model")
    return [
        *(job for job in readers if job not in slow and job.rule not in makers),
        *slow[:1],
    ]


def _is_named(name: str, pickled: str) -> bool:
    """A path is pickled whole, or in its parts."""
    return name in pickled or (Path(name).name in pickled and Path(name).parent.name in pickled)


def _set_up(study: Study, job: Job) -> None:
    """Read what a cell reads, up to the point where its measurement would begin."""
    # Here alone: a fault of another kind needs no torch.
    from vlmeter.bench import set_up

    _, (_, *call), _ = pickle.loads(job.kept.read_bytes())
    told, inputs = call[3], call[4]
    if "model" not in inputs:
        return
    with working_in(study.tree.folder):
        if "machine" in inputs:
            read_json(Path(inputs["machine"]))
        set_up(told, inputs)


def _told_by_verify(study: Study, relative: Path) -> str | None:
    with working_in(study.tree.folder):
        told = [words for words in damages(RESULTS_FOLDER) if str(relative) in words]
    return told[0] if told else None


def _follow_advice(study: Study, relative: Path, words: str) -> None:
    """Delete what one is told to, and see that the job which makes it makes the file again."""
    advice = ADVICE.search(words)
    expect(advice is not None, f"no advice in: {words}")
    assert advice is not None
    deleted = relative if advice[1] == "it" else Path(advice[1])
    job = study.maker(deleted)
    expect(job is not None, f"nothing makes {deleted} again")
    assert job is not None
    study.tree.path(str(deleted)).unlink()
    if job.rule in ("run_inference", "score_predictions", "aggregate", "preprocess_images"):
        ended = study.run(job, study.environment())
        expect(ended.code == 0, f"{job.name} failed: {ended.told[-500:]}")
        expect(not study.differences(job.outputs), f"{job.name} made other files")


def _made_with(study: Study, relative: Path) -> tuple[Path, ...]:
    job = study.maker(relative)
    return job.outputs if job else ()


# Processes are killed.


def kill_a_job(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named(*QUICK_RULES))
    process = study.start(job)
    usual = study.seconds.get(job.name, 1.0)
    time.sleep(dice.uniform(0, usual))
    children = descendants(process.pid)
    process.kill()
    study.finish(job, process)
    expect_gone(children)
    expect_whole_or_absent(study)
    run_again(study, job)
    return f"{job.rule} killed"


def kill_a_cell_s_child(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named("run_inference"))
    process = study.start(job, study.environment({job.cell: "hang"}))
    child = next(iter(_wait_for_children(process)), None)
    expect(child is not None, f"{job.name} has no child")
    assert child is not None
    time.sleep(dice.uniform(0, 0.3))
    name = dice.choice(["SIGKILL", "SIGSEGV", "SIGTERM", "SIGABRT"])
    child.send_signal(getattr(signal, name))
    ended = study.finish(job, process)
    expect(ended.code == 0, ended.told)
    told = expect_status(study, job, "crashed", f"killed by {name}")
    run_again(study, job)
    return told


def _wait_for_children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Children of a cell's job; the child has a group of its own once it is set up."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(psutil.Error, ProcessLookupError):
            found = [one for one in descendants(process.pid) if os.getpgid(one.pid) == one.pid]
            if found:
                return found
        time.sleep(0.01)
    return []


def expect_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=10)
    expect(not alive, f"processes outlive their job: {alive}")


# The cell's own ends.


def end_badly(ending: str, status: str, *words: str):
    """A fault of the measuring code itself; torch is loaded where it is a real one."""

    def happen(study: Study, dice: random.Random) -> str:
        job = dice.choice([one for one in study.named("run_inference") if "-cuda" not in one.cell])
        quick = ending in ("cuda memory", "raise")
        ended = study.run(job, study.environment({job.cell: ending}, quick=quick))
        expect(ended.code == 0, ended.told[-500:])
        told = expect_status(study, job, status, *words)
        run_again(study, job)
        return told

    return happen


def run_out_of_memory(study: Study, dice: random.Random) -> str:
    """The process may have a little more memory than it has; a library may die of that itself."""
    job = dice.choice([one for one in study.named("run_inference") if "-cuda" not in one.cell])
    spare = str(dice.randrange(1, 40))
    ended = study.run(
        job, study.environment({job.cell: "host memory"}, quick=False, SPARE_MIB=spare)
    )
    expect(ended.code == 0, ended.told[-500:])
    told = read_json(study.tree.path(str(job.outputs[0])))
    status, reason = str(told["status"]), str(told["reason"])
    expect(status != "ok", "there was enough memory")
    known = status == "out_of_memory" or "killed by SIG" in reason or "new thread" in reason
    expect(known or "ended with exit code" in reason, f"{status}: {reason}")
    expect_status(study, job, status)
    run_again(study, job)
    return f"{status}: {reason}"


def hang(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named("run_inference"))
    short = _with_timeout(study, job, 1)
    ended = study.run(short, study.environment({job.cell: "hang"}))
    expect(ended.code == 0, ended.told)
    told = expect_status(study, job, "crashed", "took longer than the 1 s of measure.timeout_s")
    run_again(study, job)
    return told


def _with_timeout(study: Study, job: Job, seconds: int) -> Job:
    name, args, kwargs = pickle.loads(job.kept.read_bytes())
    args[4]["cell"]["measure"]["timeout_s"] = seconds
    kept = job.kept.with_suffix(".short")
    kept.write_bytes(pickle.dumps((name, args, kwargs)))
    return replace(job, kept=kept)


def change_the_clock(study: Study, dice: random.Random) -> str:
    """Figures are taken from a clock that nobody can set."""
    job = dice.choice([one for one in study.named("run_inference") if one.cell.startswith("text")])
    ended = study.run(job, study.environment({job.cell: "clock"}, quick=False))
    expect(ended.code == 0, ended.told[-500:])
    told = read_json(study.tree.path(str(job.outputs[0])))
    if "-cuda" not in job.cell:
        expect(told["status"] == "ok", f"{told['status']}: {told['reason']}")
        detail = told["latency_detail"]
        assert isinstance(detail, dict)
        expect(0 < detail["latency_s"] < 60, f"latency {detail['latency_s']}")
        expect(0 < detail["window_s"] < 600, f"window {detail['window_s']}")
    run_again(study, job)
    return "the wall clock jumped; no figure did"


def lose_the_gpu(study: Study, dice: random.Random) -> str:
    """The GPU was there when the run began, and is not when the cell's turn comes."""
    job = next(one for one in study.named("run_inference") if "-cuda" in one.cell)
    name, args, kwargs = pickle.loads(job.kept.read_bytes())
    args[5]["model"] = str(RESULTS_FOLDER / "models/tiny-fp32.json")
    kept = job.kept.with_suffix(".gone")
    kept.write_bytes(pickle.dumps((name, args, kwargs)))
    ended = study.run(replace(job, kept=kept), study.environment())
    expect(ended.code == 0, ended.told)
    told = expect_status(study, job, "unavailable", "this machine has no cuda device")
    run_again(study, job)
    return told


# The disk.


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
        expect("no room left on the disk" in ended.told, f"no clear words: {ended.told[-500:]}")
        expect("Traceback" not in ended.told, f"a traceback: {ended.told[-800:]}")
    run_again(study, job)
    return ended.told.strip().splitlines()[-1] if ended.code else "there was just enough room"


def make_it_read_only(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named("preprocess_images", "run_inference", "score_predictions"))
    ended = _on_a_disk_of(
        study, job, "mount --bind {results} {results} && mount -o remount,ro,bind {results}"
    )
    expect(ended.code != 0, "a job that could write nothing ended well")
    expect("cannot be written" in ended.told, f"no clear words: {ended.told[-500:]}")
    expect("Traceback" not in ended.told, f"a traceback: {ended.told[-800:]}")
    run_again(study, job)
    return ended.told.strip().splitlines()[-1]


def may_mount() -> bool:
    """Whether this process may give a job a disk of its own."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


# The whole workflow.


def _workflow(study: Study) -> subprocess.Popen[bytes]:
    """Start Snakemake on the study, in which all cells are to be measured."""
    shutil.rmtree(study.tree.path(str(RESULTS_FOLDER / "cells")), ignore_errors=True)
    return _snakemake(study)


def _snakemake(study: Study, *arguments: str) -> subprocess.Popen[bytes]:
    target = str(RESULTS_FOLDER / "summary.csv")
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", target, *arguments),
            *("--cores", "2", "--nocolor", "--configfile", "study.yaml"),
        ],
        cwd=study.tree.folder,
        env=study.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _told(process: subprocess.Popen[bytes]) -> str:
    return process.communicate(timeout=600)[0].decode(errors="replace")


def _expect_the_same_summary(study: Study) -> None:
    process = _snakemake(study)
    told = _told(process)
    expect(process.returncode == 0, told[-1500:])
    paths = [RESULTS_FOLDER / name for name in ("summary.csv", "layers.csv", "differences.csv")]
    changed = study.differences(paths)
    expect(not changed, f"another summary than in an undisturbed run: {changed}")
    study.renew()


def kill_snakemake(study: Study, dice: random.Random) -> str:
    process = _workflow(study)
    time.sleep(dice.uniform(1.5, study.seconds.setdefault("workflow", 15.0)))
    children = descendants(process.pid)
    process.kill()
    _told(process)
    expect_gone(children)
    expect_whole_or_absent(study)
    locked = _snakemake(study)
    told = _told(locked)
    expect("--unlock" in told or locked.returncode == 0, told[-500:])
    _told(_snakemake(study, "--unlock"))
    _expect_the_same_summary(study)
    return "Snakemake killed; it asks for --unlock, and goes on"


def two_at_once(study: Study, dice: random.Random) -> str:
    first = _workflow(study)
    locks = study.tree.path(".snakemake/locks")
    while first.poll() is None and not any(locks.glob("*")):
        time.sleep(0.02)
    time.sleep(dice.uniform(0, 2))
    second = _snakemake(study)
    told = [_told(first), _told(second)]
    codes = sorted([first.returncode, second.returncode])
    if codes != [0, 0]:
        refused = told[0] if first.returncode else told[1]
        expect(codes[0] == 0, f"both failed: {told}")
        expect("cannot be locked" in refused or "LockException" in refused, refused[-500:])
    _expect_the_same_summary(study)
    return "the second of two is refused" if codes != [0, 0] else "the second came after the first"


# A study that a fault met before is looked at by its note.


def damage_a_note(study: Study, dice: random.Random) -> str:
    notes = sorted(study.tree.path(str(RESULTS_FOLDER / "attempts")).rglob("*.json"))
    note = dice.choice(notes)
    content = note.read_bytes()
    note.write_bytes(content[: dice.randrange(len(content))])
    with working_in(study.tree.folder):
        config = Config(load_config(Path("study.yaml")))
        jobs = Jobs(config)
        counts = {jobs.inference(cell)["attempt"]["count"] for cell in config.cells}
    note.write_bytes(content)
    expect(counts == {1}, f"tries are counted as {counts}")
    return "a damaged note costs one more try at most"


FAULTS = (
    Fault("a byte of a stored file changes", corrupt, 110),
    Fault("a note of a try is cut short", damage_a_note, 4),
    Fault("a job is killed (SIGKILL)", kill_a_job, 60),
    Fault("a cell's child is killed", kill_a_cell_s_child, 20),
    Fault("a cell hangs", hang, 4),
    Fault("CUDA runs out of memory", end_badly("cuda memory", "out_of_memory", "CUDA out"), 4),
    Fault("the host runs out of memory", run_out_of_memory, 4),
    Fault("logits are NaN", end_badly("nan", "error", "not finite"), 2),
    Fault("an unforeseen exception", end_badly("raise", "error", "UnforeseenError"), 4),
    Fault("the clock jumps", change_the_clock, 2),
    Fault("a GPU goes before its cell", lose_the_gpu, 4),
    Fault("the disk is full", fill_the_disk, 12),
    Fault("the results are read-only", make_it_read_only, 6),
    Fault("Snakemake is killed (SIGKILL)", kill_snakemake, 6),
    Fault("two Snakemakes at once", two_at_once, 2),
)
NEED_MOUNTS = ("the disk is full", "the results are read-only")
