"""How the config becomes targets: the study, its files, and what its jobs have in common."""

import gc
import math
import sys
from typing import get_args

from vlmeter.axes import Dtype
from vlmeter.study.script_digests import get_script_digest
from vlmeter.errors import UserError
from vlmeter.study.gates import list_baseline_files, plan_gates
from vlmeter.study import running
from vlmeter.study.outline import (
    build_outline,
    name_section_figure,
    plan_forest_figure,
    plan_gallery,
    plan_layers_figure,
    plan_section_figure,
    plan_settings_figure,
)
from vlmeter.study.host_memory import Memory
from vlmeter.study.comparisons import plan_comparisons
from vlmeter.reporting.language import get_page_path
from vlmeter.scripting import pack
from vlmeter.storage.layout import CellKey, locate
from vlmeter.study.read_study import keep_config, name_source, read_study
from vlmeter.study.rules import Rules, list_catalogues, translate_figures

try:
    STUDY = read_study(workflow.configfiles, config)
except UserError as error:
    # Snakemake shows any other exception with its place in the code.
    sys.exit(str(error))
# With a cluster's executor jobs run on nodes, which have other devices than this machine.
ON_CLUSTER = workflow.remote_exec or workflow.resource_settings.nodes is not None
GPU_LIMIT = workflow.global_resources.get("gpu")
# `workflow.cores` is an error without --cores, which `--report` and `-n` do not need.
ALL_CORES = workflow.resource_settings.cores or 1


def force(outputs):
    """Make the jobs with these outputs run, as `--forcerun` does."""
    workflow.dag.forcefiles.update(map(str, outputs))


RULES = Rules(
    STUDY,
    cores=ALL_CORES,
    gpus=GPU_LIMIT.value if GPU_LIMIT else None,
    on_cluster=ON_CLUSTER,
    # A job's own process only runs what it is given.
    force=force if workflow.is_main_process else None,
)
MEMORY = Memory(STUDY)
# Snakemake's jobs double the number of objects again and again, and each time the garbage collector
# would visit all that is imported here, which lives to the end. And it would look for rubbish after
# every 700 new objects, where a job has thousands that stay. Both are a tenth of a dry run each.
gc.freeze()
gc.set_threshold(100_000)
FOLDER = STUDY.folder


def hold_study():
    """Let no other run of the study work beside this one, and keep what it was asked."""
    try:
        running.hold_study(FOLDER)
        keep_config(FOLDER, workflow.configfiles, config)
    except UserError as error:
        sys.exit(str(error))


def start_warm_server():
    """Let jobs on this machine work in forks of one process that has imported what takes long."""
    # Not at the top: what reads the workflow to run a job, or to plan one, need not import it.
    from vlmeter.cell.frame import PRELOAD
    from vlmeter.machine.cores import count_cpu_threads
    from vlmeter.machine.environment import choose_settings
    from vlmeter.machine.warm import start_server

    threads = count_cpu_threads(STUDY.config.measure.cpu_threads)
    start_server(PRELOAD, choose_settings(threads), on_cluster=ON_CLUSTER)


def say_progress():
    """Say after each setting what it cost, and how long the rest will take."""
    from snakemake.logging import logger

    # Not at the top: what reads the workflow to run a job, or to plan one, need not import it.
    from vlmeter.study.progress import ProgressLines

    _, jobs = workflow.dag.stats()
    logger.addHandler(ProgressLines(STUDY, jobs))


def say_verdict():
    """Say which setting to deploy, where the study is finished."""
    # Not at the top, as above.
    from vlmeter.reporting.terminal import describe_end

    words = describe_end(FOLDER)
    if words is not None:
        print(words, flush=True)


# The files of any data set and any cell.
DATASET = FOLDER.dataset("{dataset}")
KEY = CellKey("{dataset}", "{cell}")
CELL = FOLDER.cell(KEY)
SHARDS = FOLDER.shards(KEY)
ENVIRONMENT = "../../envs/vlmeter.yaml"
name_source()
TEMPLATES = [
    locate(f"report/templates/{name}")
    for name in (
        "report.md.j2",
        "study.html.j2",
        "_decision.html.j2",
        "_macros.html.j2",
        "study.css",
        "charts.js",
        "decide.js",
        "page.js",
        "table.html.j2",
    )
]
# The items of Snakemake's own report. It sorts categories and items by name, and shows two languages
# as a switch where every item of a category has both.
CATEGORIES = {
    "report": "1 Study report (start here)",
    "choice": "2 Which setting to choose",
    "sections": "3 Section by section",
    "layers": "4 Where the time goes",
    "tables": "5 Tables",
}


def label_section(name, language):
    return {"section": name_section_figure(STUDY, name), "language": language}


# What cells need comes before them, and they come before what reads them: scoring waits for the
# machine lock and would hold a core that a ready GPU cell needs.
PREPARING, MEASURING = 2, 1
# Minutes of a measuring job on a cluster: as long as its cell may take, and a quarter of an hour
# to start, wait for other jobs of the node and write. A limit is no reason to measure again: so it
# is a resource, where a param would be one.
MEASURING_RUNTIME = math.ceil(STUDY.config.measure.timeout_s / 60) + 15


wildcard_constraints:
    dataset=r"[A-Za-z0-9_.-]+",
    cell=r"[A-Za-z0-9_.-]+",
    model=r"[A-Za-z0-9_.-]+",
    dtype="|".join(get_args(Dtype)),
    size=r"\d+(-native)?",
    section=r"[A-Za-z0-9_.-]+",
    number=r"\d+",
    shards=r"\d+",
