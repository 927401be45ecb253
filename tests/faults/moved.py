"""Outputs are deleted, and a study at rest is copied, touched or moved."""

import random
import shutil
from pathlib import Path

from expectations import expect
from study import RESULTS_FOLDER, Study
from studytree import PARTS, Tree

_RARELY_MADE = ("describe_machine", "download_dataset", "preprocess_images", "fetch_model")
"""What a finished study does not ask for again, or what makes everything old."""
_MEASURING = ("run_inference", "measure_control", "profile_layers")


def delete_an_output(study: Study, dice: random.Random) -> str:
    """It is made again, and ends in the very same files."""
    job = dice.choice([job for job in study.jobs.values() if job.rule not in _RARELY_MADE])
    output = dice.choice(job.outputs)
    path = study.tree.path(str(output))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    planned = study.tree.plan().names
    expect(any(name[0] == job.rule for name in planned), f"nobody misses {output}: {planned}")
    study.renew()
    return f"an output of {job.rule} is made again"


def copy_without_records(study: Study, dice: random.Random) -> str:
    """Nothing is measured again."""
    shutil.rmtree(study.tree.path(".snakemake"))
    _expect_no_measuring(study.tree)
    study.renew()
    return "the keys beside the results speak for them"


def touch_files(study: Study, dice: random.Random) -> str:
    """New times of sources, scripts and modules are no reason to do anything."""
    files = [
        path
        for part in (*PARTS, "study.yaml")
        for path in [study.tree.path(part), *study.tree.path(part).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    ]
    for path in dice.sample(files, len(files) // 2):
        path.touch()
    names = study.tree.plan().names
    expect(not names, f"touched files are a reason for {names}")
    study.renew()
    return "nothing to do"


def move_the_study(study: Study, dice: random.Random) -> str:
    """Its folder has another name, and nothing is to be done."""
    folder = study.tree.folder
    moved = folder.with_name(f"{folder.name} moved {dice.randrange(1000)}")
    folder.rename(moved)
    try:
        names = Tree(moved).plan().names
    finally:
        moved.rename(folder)
    expect(not names, f"another folder is a reason for {names}")
    return "nothing to do"


def move_the_results(study: Study, dice: random.Random) -> str:
    """Another clone of the workflow goes on with them."""
    clone = Tree.new(study.tree.folder.with_name("clone"))
    try:
        shutil.copytree(study.tree.path(str(RESULTS_FOLDER)), clone.path(str(RESULTS_FOLDER)))
        _expect_no_measuring(clone)
    finally:
        shutil.rmtree(Path(clone.folder))
    return "another clone goes on"


def _expect_no_measuring(tree: Tree) -> None:
    names = tree.plan().names
    measured = {name for name in names if name[0] in (*_MEASURING, *_RARELY_MADE)}
    expect(not measured, f"measured or fetched again: {measured}")
