"""A cell that answers in shards: one of them is killed, fails, is damaged, copied or deleted."""

import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from expectations import expect, expect_gone, expect_status, expect_whole_or_absent, run_again
from killed import kill_while_it_runs
from small_study import cell_id
from study import RESULTS_FOLDER, Job, Study

from vlmeter.errors import UserError

_DATASET, _SHARDS = "coco", 2
_CELLS = (cell_id(), cell_id(image_size=336))
_ENDINGS = {
    "kill": ("crashed", "killed by SIGKILL"),
    "raise": ("error", "UnforeseenError"),
    "cuda memory": ("out_of_memory", "CUDA out"),
}

Happen = Callable[[Study, random.Random], str]


@cache
def _divide(study: Study) -> Study:
    """Return a study whose cells on one data set have answered in shards."""
    tree = study.original.copy(study.tree.folder.with_name("divided"))
    with tree.config() as config:
        config["datasets"][_DATASET]["shards"] = _SHARDS
    cells = RESULTS_FOLDER / "cells" / _DATASET
    outcome = tree.run(*(str(cells / cell / "measurement.json") for cell in _CELLS))
    expect(outcome.code == 0, outcome.text[-1500:])
    return Study(tree, outcome.jobs, tree.folder.with_name("divided-harmed"))


def in_a_divided_cell(happen: Happen) -> Happen:
    """Let a fault happen to a study with divided cells."""

    def happen_there(study: Study, dice: random.Random) -> str:
        divided = _divide(study)
        try:
            return happen(divided, dice)
        except Exception:
            divided.renew()
            raise

    return happen_there


@in_a_divided_cell
def kill_a_shard(study: Study, dice: random.Random) -> str:
    job = dice.choice(study.named("answer_shard"))
    expect_gone(kill_while_it_runs(study, job, dice))
    expect_whole_or_absent(study)
    run_again(study, job, forked=False)
    return "a shard killed"


@in_a_divided_cell
def end_a_shard_badly(study: Study, dice: random.Random) -> str:
    """The cell ends as its shard did, and is whole again after it."""
    job = dice.choice(study.named("answer_shard"))
    gathering = _find_gathering(study, job)
    number, cell = job.outputs[0].stem, job.outputs[0].parent.name
    ending = dice.choice(sorted(_ENDINGS))
    for each, endings in ((job, {f"{cell}.{number}": ending}), (gathering, {})):
        ended = study.run(each, study.environment(endings))
        expect(ended.code == 0, ended.output[-500:])
    status, words = _ENDINGS[ending]
    shard = f"shard {number.replace('-of-', ' of ')}: "
    message = expect_status(study, gathering, status, shard, words)
    ended = study.run(job, study.environment())
    expect(ended.code == 0, ended.output[-500:])
    run_again(study, gathering)
    return message


@in_a_divided_cell
def damage_a_shard(study: Study, dice: random.Random) -> str:
    path = dice.choice(dice.choice(study.named("answer_shard")).outputs)
    content = bytearray(study.tree.path(str(path)).read_bytes())
    content[dice.randrange(len(content))] ^= dice.randrange(1, 256)
    study.tree.path(str(path)).write_bytes(content)
    return _expect_refused_or_right(study, path)


@in_a_divided_cell
def copy_a_shard(study: Study, dice: random.Random) -> str:
    """Another shard's files, of the same cell or of the other, lie in a shard's place."""
    job, other = dice.sample(study.named("answer_shard"), 2)
    count = dice.choice([1, 2])
    for path, source in list(zip(sorted(job.outputs), sorted(other.outputs), strict=True))[:count]:
        shutil.copyfile(study.tree.path(str(source)), study.tree.path(str(path)))
    return _expect_refused_or_right(study, min(job.outputs))


@in_a_divided_cell
def delete_a_shard(study: Study, dice: random.Random) -> str:
    """A whole cell needs its shards no more; else the shard alone is answered again."""
    job = dice.choice(study.named("answer_shard"))
    gathering = _find_gathering(study, job)
    deleted = dice.choice(job.outputs)
    study.tree.path(str(deleted)).unlink()
    study.tree.path(str(gathering.outputs[0])).unlink()
    planned = study.tree.plan(str(gathering.outputs[0])).names
    cell = deleted.parent.name
    number, shards = deleted.stem.split("-of-")
    expected = {
        ("answer_shard", _DATASET, cell, number, shards),
        ("gather_shards", _DATASET, cell),
    }
    expect(planned == expected, f"planned are {planned}")
    study.restore([*job.outputs, *gathering.outputs])
    return "the shard alone is answered again"


def _find_gathering(study: Study, shard: Job) -> Job:
    cell = shard.outputs[0].parent.name
    return next(job for job in study.named("gather_shards") if job.outputs[0].parent.name == cell)


def _expect_refused_or_right(study: Study, path: Path) -> str:
    """The cell is not gathered of a wrong file, and the advice mends it."""
    job = study.maker(path)
    assert job is not None
    gathering = _find_gathering(study, job)
    try:
        study.call(gathering)
    except UserError as error:
        words = str(error)
        names = [str(output) for output in job.outputs]
        expect(any(name in words for name in names), f"no file of the shard is named: {words}")
        expect("elete" in words, f"no advice in: {words}")
        run_again(study, job)
        return words.replace(str(study.tree.folder), "")
    expect(not study.differences(gathering.outputs), f"{path} changed what was gathered")
    study.restore(job.outputs)
    return "what was gathered is right all the same"
