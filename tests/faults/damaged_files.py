"""A byte of a stored file changes, or a note is cut short."""

import os
import pickle
import random
import re
import shutil
import sys
from pathlib import Path

from expectations import expect
from study import RESULTS_FOLDER, Job, Study, working_in

from vlmeter.config.load import load_config
from vlmeter.errors import UserError
from vlmeter.machine.description import read_machine
from vlmeter.results.verify import find_damages
from vlmeter.storage.files import json_digest, read_json, write_placed_json
from vlmeter.storage.layout import StudyFolder
from vlmeter.study.jobs import Jobs
from vlmeter.study.study import Study as Config

ADVICE = re.compile(r"[Dd]elete (\S+) and run again")
_PLANNED = 0.2
"""How often Snakemake is asked as well, which takes seconds."""
OPENING_THE_MODEL = ("run_inference", "measure_control", "profile_layers")


def _change_a_byte(study: Study, dice: random.Random) -> tuple[Path, int, int]:
    """Change a byte of a file of any kind; return the file, the place and where its seal is."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(study.tree.path(str(RESULTS_FOLDER)).rglob("*")):
        relative = path.relative_to(study.tree.folder)
        # Logs are read by nobody; notes of tries have a fault of their own.
        stored = not {"logs", "attempts"} & {*relative.parts} and relative.name[0] != "."
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
    return relative, place, seal


def corrupt(study: Study, dice: random.Random) -> str:
    """Whoever reads the file notices the damage; following the advice makes the file again."""
    relative, place, seal = _change_a_byte(study, dice)
    try:
        words = _reported_by_readers(study, relative) or _reported_by_verify(study, relative)
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


def _reported_by_readers(study: Study, relative: Path, *beside: Path) -> str | None:
    """What the jobs that read the file report; they must not take another figure from it.

    They name it, or a file that was put there with it.
    """
    message = None
    for job in _readers(study, relative):
        try:
            if job.rule in OPENING_THE_MODEL:
                _set_up(study, job)
            else:
                study.call(job)
        except UserError as error:
            message = message or str(error)
            names = [path.name for path in (relative, *beside)]
            expect(any(map(str(error).count, names)), f"{job.name} says only: {error}")
        else:
            changed = study.differences(job.outputs)
            expect(not changed, f"{job.name} took other figures from {relative}: {changed}")
        study.restore(path for path in job.outputs if path != relative)
    return message


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
    from vlmeter.cell.worker.workload import prepare_workload

    _, (_, _, _, _, cell_job, _, inputs, *others), _ = pickle.loads(job.kept.read_bytes())
    if inputs.model is None:
        return
    with working_in(study.tree.folder):
        if isinstance(others[0], Path):
            read_machine(others[0])
        prepare_workload(cell_job.cell, inputs, cell_job.measure.batches)


def _reported_by_verify(study: Study, relative: Path) -> str | None:
    with working_in(study.tree.folder):
        messages = [damage.words for damage in find_damages(StudyFolder(RESULTS_FOLDER))]
    return next((words for words in messages if str(relative) in words), None)


def _follow_advice(study: Study, relative: Path, words: str) -> None:
    """Delete what the advice names, and check that its job makes the file again."""
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
        expect(ended.code == 0, f"{job.name} failed: {ended.output[-500:]}")
        expect(not study.differences(job.outputs), f"{job.name} made other files")


def _made_with(study: Study, relative: Path) -> tuple[Path, ...]:
    job = study.maker(relative)
    return job.outputs if job else ()


def copy_over(study: Study, dice: random.Random) -> str:
    """All files of one cell, data set or figure, which are whole, in the place of another's."""
    rules = ("run_inference", "score_predictions", "download_dataset", "plot_section")
    job, other = dice.sample(study.named(dice.choice(rules)), 2)
    for path, source in zip(sorted(job.outputs), sorted(other.outputs), strict=True):
        shutil.copyfile(study.tree.path(str(source)), study.tree.path(str(path)))
    return _expect_noticed(study, job)


def copy_from_elsewhere(study: Study, dice: random.Random) -> str:
    """A file of another study with the same cells and samples, in the place of one's own."""
    rules = ("run_inference", "measure_control", "score_predictions", "profile_layers")
    job = dice.choice(study.named(*rules, "download_dataset", "preprocess_images", "fetch_model"))
    path = study.tree.path(str(_find_named(job)))
    write_placed_json(path, read_json(path), json_digest(dice.random()))
    if dice.random() < _PLANNED:
        planned = study.tree.plan().names
        expect(any(name[0] == job.rule for name in planned), f"{path} is one's own for the plan")
    return _expect_noticed(study, job)


def _find_named(job: Job) -> Path:
    return next(path for path in job.outputs if path.suffix in (".json", ".svg"))


def _expect_noticed(study: Study, job: Job) -> str:
    """Each reader and `vlmeter verify` name the file; following the advice makes it again."""
    path = _find_named(job)
    try:
        by_verify = _reported_by_verify(study, path)
        expect(by_verify is not None, f"verify takes {path} for what was written")
        words = _reported_by_readers(study, path, *job.outputs) or str(by_verify)
        _follow_advice(study, path, str(by_verify))
    finally:
        study.restore(job.outputs)
    return words


def damage_a_note(study: Study, dice: random.Random) -> str:
    notes = sorted(study.tree.path(str(RESULTS_FOLDER / "attempts")).rglob("*.json"))
    note = dice.choice(notes)
    content = note.read_bytes()
    note.write_bytes(content[: dice.randrange(len(content))])
    with working_in(study.tree.folder):
        config = Config(load_config(Path("study.yaml")))
        jobs = Jobs(config)
        counts = {jobs.build_measurement(cell)["attempt"]["count"] for cell in config.cells}
    note.write_bytes(content)
    expect(counts == {1}, f"tries are counted as {counts}")
    return "a damaged note costs one more try at most"


def corrupt_at_rest(study: Study, dice: random.Random) -> str:
    """No job is due, no file looks new: `vlmeter verify` finds the damage; its advice mends it."""
    times = {path: path.stat() for path in study.tree.path(str(RESULTS_FOLDER)).rglob("*")}
    relative, place, seal = _change_a_byte(study, dice)
    path = study.tree.path(str(relative))
    os.utime(path, ns=(times[path].st_atime_ns, times[path].st_mtime_ns))
    command = [Path(sys.executable).with_name("vlmeter"), "verify", "study.yaml"]
    code, report = study.say(*command)
    if code == 0:
        expect(0 <= seal <= place, f"nobody noticed byte {place} of {relative}")
        study.renew()
        return "the name of the checksum changed, and nothing else"
    expect(str(relative) in report, report)
    advice = report.strip().splitlines()[-1].split()
    expect(advice[0] == "snakemake", report)
    code, output = study.say(sys.executable, "-m", *advice, "--nocolor")
    expect(code == 0, output[-800:])
    code, output = study.say(*command)
    expect(code == 0, output)
    changed = study.differences([RESULTS_FOLDER / "summary.csv"])
    study.renew()
    expect(not changed, "another summary than in an undisturbed run")
    return report.splitlines()[0]
