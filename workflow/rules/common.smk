"""How the config becomes targets: the study, its cells, and what each job reads and depends on."""

import gc
import math
import re
import sys
from pathlib import Path

from vlmeter.code_digest import script_digest
from vlmeter.config.load import check_config, read_yaml
from vlmeter.errors import UserError
from vlmeter.study.gates import baselines, check_gates, gate_plan
from vlmeter.study.jobs import Jobs, shard_name
from vlmeter.study.sources import check_sources
from vlmeter.study.outline import (
    dataset_outline,
    decision_outline,
    gallery_plan,
    report_outline,
    section_outline,
)
from vlmeter.study.comparisons import plan_comparisons
from vlmeter.scripting import packed
from vlmeter.reporting.language import LANGUAGES, LOCALES, figure_in_language
from vlmeter.study.study import Study


def read_study(files: list[Path], values: dict) -> Study:
    """End with a sentence: Snakemake would tell any other exception with its place in the code."""
    if len(files) > 1:
        given = ", ".join(map(str, files))
        sys.exit(
            f"{len(files)} config files are given; a study is exactly one: {given}."
        )
    file = str(files[0])
    try:
        read_yaml(Path(file))
        study = Study(check_config(values, file))
        check_sources(study, file)
        check_gates(study, file)
    except UserError as error:
        sys.exit(str(error))
    return study


STUDY = read_study(workflow.configfiles, config)
RESULTS = str(STUDY.folder)
LOGS = f"{RESULTS}/logs"
# With a cluster's executor jobs run on nodes, which have other devices than this machine.
ON_CLUSTER = workflow.remote_exec or workflow.resource_settings.nodes is not None
JOBS = Jobs(STUDY, elsewhere=ON_CLUSTER)
# What is imported lives to the end. Without this Snakemake's collector of garbage walks through all
# of it each time that the jobs of a large study have doubled: a tenth of a dry run.
gc.freeze()
ENVIRONMENT = "../../envs/vlmeter.yaml"
# What cells need comes before them, and they before what reads them: a score that is waiting for
# quiet would keep a core from the cell that its GPU is free for.
PREPARING, MEASURING = 2, 1
# Minutes of a measuring job on a cluster: as long as its cell may take, and a quarter of an hour
# to start, wait for other jobs of the node and write. A limit is no reason to measure again: so it
# is a resource, where a param would be one.
MEASURING_RUNTIME = math.ceil(STUDY.config.measure.timeout_s / 60) + 15
NO_NAME = "(?!)"
# Which of two rules makes a cell follows from its data set: see shards.smk.
UNDIVIDED, DIVIDED = (
    "|".join(map(re.escape, names)) or NO_NAME
    for names in (JOBS.undivided, JOBS.divided)
)


wildcard_constraints:
    dataset=r"[A-Za-z0-9_.-]+",
    cell=r"[A-Za-z0-9_.-]+",
    model=r"[A-Za-z0-9_.-]+",
    dtype="fp32|fp16|bf16",
    size=r"\d+",
    section=r"[A-Za-z0-9_.-]+",
    number=r"\d+",
    shards=r"\d+",


def images_manifest(dataset: str, size: int) -> str:
    return f"{RESULTS}/data/{dataset}/img{size}/images.json"


def model_manifest(model: str, dtype: str) -> str:
    return f"{RESULTS}/models/{model}-{dtype}.json"


def job_inputs(kind: str, cell, name: str | None = None) -> dict:
    inputs = {"images": images_manifest(cell.dataset, cell.axes.image_size)}
    if JOBS.needs_model(kind, cell, name):
        inputs["model"] = model_manifest(cell.axes.model, cell.axes.dtype)
    return inputs


def inference_inputs(wildcards) -> dict:
    return job_inputs("cells", STUDY.cell(wildcards.dataset, wildcards.cell))


def shard_inputs(wildcards) -> dict:
    cell = STUDY.cell(wildcards.dataset, wildcards.cell)
    name = shard_name(cell, int(wildcards.number), int(wildcards.shards))
    return job_inputs("shards", cell, name)


def shard_manifests(wildcards) -> list[str]:
    folder = f"{RESULTS}/shards/{wildcards.dataset}/{wildcards.cell}"
    count = JOBS.shards(wildcards.dataset)
    return [f"{folder}/{number + 1}-of-{count}.json" for number in range(count)]


def layers_inputs(wildcards) -> dict:
    return job_inputs("layers", STUDY.cell(wildcards.dataset, wildcards.cell))


def control_inputs(wildcards) -> dict:
    return job_inputs("control", STUDY.control_cell)


def control_params(wildcards) -> dict:
    return JOBS.control(STUDY.control_cell)


def inference_params(wildcards) -> dict:
    return JOBS.inference(STUDY.cell(wildcards.dataset, wildcards.cell))


def costs_params(wildcards) -> dict:
    return JOBS.costs(STUDY.cell(wildcards.dataset, wildcards.cell))


def shard_params(wildcards) -> dict:
    cell = STUDY.cell(wildcards.dataset, wildcards.cell)
    return JOBS.shard(cell, int(wildcards.number), int(wildcards.shards))


def layers_params(wildcards) -> dict:
    return JOBS.layers(STUDY.cell(wildcards.dataset, wildcards.cell))


def score_params(wildcards) -> dict:
    return JOBS.score(STUDY.cell(wildcards.dataset, wildcards.cell))


def machine_params(wildcards, output) -> dict:
    """The rule's output is an argument because Snakemake does not compare such params."""
    return JOBS.machine()


def dataset_params(wildcards) -> dict:
    return JOBS.dataset(wildcards.dataset)


def images_params(wildcards) -> dict:
    return JOBS.images(int(wildcards.size))


def model_params(wildcards) -> dict:
    return JOBS.model(wildcards.model, wildcards.dtype)


def section_params(wildcards) -> str:
    return packed(section_outline(STUDY, wildcards.section))


def cell_gpus(wildcards) -> int:
    return STUDY.gpus(STUDY.cell(wildcards.dataset, wildcards.cell))


def control_gpus(wildcards) -> int:
    return STUDY.gpus(STUDY.control_cell)


def machine_gpus(wildcards) -> int:
    """On a cluster the machine that is described must be one of those that measure."""
    asked = [STUDY.gpus(cell) for cell in (*STUDY.cells, *STUDY.layer_cells)]
    return max(asked, default=0) if ON_CLUSTER else 0


def all_cores(wildcards) -> int:
    """`workflow.cores` is an error without --cores, which `--report` and `-n` do not need."""
    return workflow.resource_settings.cores or 1


def threads_beside(gpus: int) -> int:
    """A CPU cell is alone on the machine; GPU cells share its cores with each other."""
    cores = all_cores(None)
    limit = workflow.global_resources.get("gpu")
    if not gpus or not limit or not limit.value:
        return cores
    return max(1, cores * min(gpus, limit.value) // limit.value)


def cell_threads(wildcards) -> int:
    return threads_beside(cell_gpus(wildcards))


def control_threads(wildcards) -> int:
    return threads_beside(control_gpus(wildcards))


def measurements() -> list[str]:
    return [
        record(cell).replace("record.json", "measurement.json") for cell in STUDY.cells
    ]


def control() -> list[str]:
    """The second measurement of the base cell, where a section measures it as it stands."""
    return [f"{RESULTS}/control/measurement.json"] if STUDY.control_cell else []


def record(cell) -> str:
    return f"{RESULTS}/cells/{cell.dataset}/{cell.id}/record.json"


def records() -> list[str]:
    return [record(cell) for cell in STUDY.cells]


def control_base() -> list[str]:
    return [record(STUDY.control_cell)] if STUDY.control_cell else []


def beside_records(name: str) -> list[str]:
    return [path.replace("record.json", name) for path in records()]


def sample_manifests() -> list[str]:
    names = dict.fromkeys(cell.dataset for cell in STUDY.cells)
    return [f"{RESULTS}/data/{name}/samples.json" for name in names]


def published() -> list[str]:
    name = STUDY.config.report.published
    return [f"report/published/{name}.yaml"] if name else []


def gates() -> list[str]:
    return [f"{RESULTS}/gates.json"] if STUDY.config.gates else []


def layer_files(suffix: str) -> list[str]:
    return [
        f"{RESULTS}/layers/{cell.dataset}/{cell.id}.{suffix}"
        for cell in STUDY.layer_cells
    ]


def figures() -> dict[str, str]:
    names = ["pareto", *(section.name for section in STUDY.sections)]
    if STUDY.layer_cells:
        names.append("layers")
    return {name: f"{RESULTS}/figures/{name}.svg" for name in names}


def translated(*paths: str) -> list[str]:
    """Figures in the languages that are not in the files' names."""
    return [
        str(figure_in_language(Path(path), language))
        for language in LANGUAGES[1:]
        for path in paths
    ]


def locales() -> list[str]:
    return [str(LOCALES / f"{language}.yaml") for language in LANGUAGES]


def report_templates() -> list[str]:
    names = ("report.md.j2", "study.html.j2", "_prose.md.j2", "study.css")
    return [f"report/templates/{name}" for name in names]


def section_targets(name: str) -> list[str]:
    cells = [record(entry.cell) for entry in STUDY.section(name).cells]
    return [f"{RESULTS}/machine.noted", *cells]
