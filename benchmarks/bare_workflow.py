"""A study's workflow without VLMeter: rules, jobs, files and params as it has them, from a table.

What Snakemake takes to plan it is what planning the study takes at least, whatever VLMeter does.
"""

import json
import shutil
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

from vlmeter.config.load import check_config, read_yaml
from vlmeter.study.rules import Rules
from vlmeter.study.study import Study

REPOSITORY = Path(__file__).parents[1]
SNAKEFILE = """
import json

with open("cells.json") as file:
    CELLS = json.load(file)


def get(what):
    return lambda wildcards: CELLS[f"{wildcards.dataset}/{wildcards.cell}"][what]


def name_all(file):
    return [f"results/cells/{key}/{file}" for key in CELLS]


wildcard_constraints:
    dataset=r"[A-Za-z0-9_.-]+",
    cell=r"[A-Za-z0-9_.-]+",


rule all:
    input:
        "results/report.md",


rule prepare:
    output:
        "results/prepared/{name}",
    conda:
        "vlmeter.yaml"
    script:
        "nothing.py"


rule measure:
    input:
        unpack(get("inputs")),
        machine=ancient("results/prepared/machine.json"),
    output:
        measurement="results/cells/{dataset}/{cell}/measurement.json",
        predictions="results/cells/{dataset}/{cell}/predictions.parquet",
        timings="results/cells/{dataset}/{cell}/timings.parquet",
    log:
        "results/logs/cells/{dataset}/{cell}/measure.log",
    priority: 1
    conda:
        "vlmeter.yaml"
    threads: workflow.cores
    resources:
        gpu=lambda wildcards: 0,
        mem_mb=lambda wildcards: 2000,
        runtime=75,
        timeout_s=3600,
    params:
        job=get("measured_for"),
    message:
        "Measuring {wildcards.cell} on {wildcards.dataset}"
    script:
        "nothing.py"


rule score:
    input:
        measurement="results/cells/{dataset}/{cell}/measurement.json",
        predictions="results/cells/{dataset}/{cell}/predictions.parquet",
        samples="results/prepared/{dataset}",
    output:
        record="results/cells/{dataset}/{cell}/record.json",
        scores="results/cells/{dataset}/{cell}/scores.parquet",
    log:
        "results/logs/cells/{dataset}/{cell}/score.log",
    conda:
        "vlmeter.yaml"
    params:
        score=get("scored_for"),
    message:
        "Scoring {wildcards.cell} on {wildcards.dataset}"
    script:
        "nothing.py"


rule control:
    input:
        name_all("measurement.json"),
    output:
        "results/control.json",
    conda:
        "vlmeter.yaml"
    script:
        "nothing.py"


rule aggregate:
    input:
        records=name_all("record.json"),
        scores=name_all("scores.parquet"),
    output:
        "results/summary.csv",
    conda:
        "vlmeter.yaml"
    script:
        "nothing.py"


rule report:
    input:
        "results/summary.csv",
        "results/control.json",
    output:
        "results/report.md",
    conda:
        "vlmeter.yaml"
    script:
        "nothing.py"
"""


def make_bare_workflow(config: Path, folder: Path) -> None:
    """Write the workflow, and the table of a study's cells, into a folder.

    Args:
        config: Of the study; it stands where its workflow is started.
        folder: Where the bare workflow is to be started.
    """
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "nothing.py").touch()
    shutil.copy(REPOSITORY / "envs" / "vlmeter.yaml", folder)
    shutil.copytree(REPOSITORY / "profiles" / "default", folder / "profiles" / "default")
    with chdir(config.parent):
        study = Study(check_config(read_yaml(Path(config.name)), config.name))
        rules = Rules(study, cores=2, gpus=None, on_cluster=False)
    cells = {}
    for cell in study.cells:
        wildcards = SimpleNamespace(dataset=cell.dataset, cell=cell.id)
        images = f"results/prepared/{cell.dataset}-{cell.axes.image_size}"
        cells[f"{cell.dataset}/{cell.id}"] = {
            "inputs": {"images": images, "model": "results/prepared/model"},
            "measured_for": rules.build_cell_params(wildcards),
            "scored_for": rules.build_score_params(wildcards),
        }
    (folder / "cells.json").write_text(json.dumps(cells))
