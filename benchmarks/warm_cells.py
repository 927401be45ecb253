"""One cell of the demo by turns as a fork of the run's server and of its own job.

Whatever a cell measures must not depend on it; what it saves is the time until its process works.
Each pair has a server of its own: all forks of one share what its memory happens to look like.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

from center import bound_center
from watched import run_snakemake

from vlmeter.cell.frame import PRELOAD
from vlmeter.config.load import check_config, read_yaml
from vlmeter.machine import warm
from vlmeter.machine.cores import count_cpu_threads
from vlmeter.machine.environment import choose_settings
from vlmeter.storage.files import read_json
from vlmeter.study.jobs import Jobs
from vlmeter.study.study import Study

REPOSITORY = Path(__file__).parents[1]
DATASET, BATCH_SIZE = "textvqa", 16
Figures = dict[str, float]
CONFIG = REPOSITORY / "config/demo.yaml"
JOB = """
import json, sys
from pathlib import Path
from vlmeter.cell.job import CellInputs, CellJob, JobAttempt
from vlmeter.cell.run_inference import CellOutputs, run_inference
from vlmeter.scripting import run_measuring_job
from vlmeter.storage.typed import from_params

job, images, model, machine, folder = map(json.loads, sys.argv[1:])
names = {"measurement": "json", "timings": "parquet", "predictions": "parquet"}
run_measuring_job(
    f"{folder}/log",
    "cpu",
    0,
    run_inference,
    from_params(CellJob, job),
    JobAttempt(count=1, key="", note=f"{folder}/note.json"),
    CellInputs(Path(images), Path(model)),
    Path(machine),
    CellOutputs(**{name: Path(f"{folder}/{name}.{kind}") for name, kind in names.items()}),
    300.0,
)
"""
COMPARED = {
    "latency of a pass, ms": lambda it: 1e3 * it["latency_detail"]["latency_s"],
    # The least that the machine's speed moves.
    "fastest pass, ms": lambda it: 1e3 * it["latency_detail"]["min_s"],
    "generation of a batch, ms": lambda it: 1e3 * it["generation"]["generation_s"],
    "passes in the energy windows": lambda it: it["energy_detail"]["batches"],
    "energy per sample, mJ": lambda it: 1e3 * it["energy_detail"]["energy_j"],
    "peak RSS, MB": lambda it: it["memory"]["peak_rss_bytes"] / 1e6,
    "RSS before the model, MB": lambda it: it["memory"]["rss_before_load_bytes"] / 1e6,
    "start of the process, s": lambda it: it["time_spent_s"]["start"],
    "whole cell, s": lambda it: it["time_spent_s"]["whole"],
    "share measured, %": lambda it: 100.0 * it["time_spent_s"]["share_measured"],
    "wall time of the job, s": lambda it: it["job_s"],
}
"""Figures of a cell by their names, each taken from its measurement."""


def main() -> None:
    """Prepare the demo's data, measure in pairs, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12, help="of cells, one of each kind")
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name, chdir(name):
        for part in ("Snakefile", "workflow", "config", "report", "envs", "profiles", "demo"):
            Path(part).symlink_to(REPOSITORY / part)
        study = Study(check_config(read_yaml(CONFIG), str(CONFIG)))
        job = prepare(study, Path(name))
        threads = count_cpu_threads(study.config.measure.cpu_threads)
        settings = choose_settings(threads)
        # A process per pair, as a server ends with the process that started it.
        with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1) as processes:
            measured = list(processes.map(partial(measure_pair, job, settings), range(pairs)))
    print_table(*zip(*measured, strict=True))


def measure_pair(job: list[str], settings: dict[str, str], pair: int) -> tuple[Figures, Figures]:
    """Measure a cell cold and warm, in turns each as often before the other."""
    warm.start_server(PRELOAD, settings, on_cluster=False)
    address = os.environ[warm.ADDRESS]
    # The first that asks a server waits for its imports.
    warm.run_in_child(partial(time.sleep, 0.0), settings=settings)
    ways = ("off", address) if pair % 2 else (address, "off")
    cells = {way: measure(job, way, Path(f"{pair}-{Path(way).name}")) for way in ways}
    return cells["off"], cells[address]


def prepare(study: Study, folder: Path) -> list[str]:
    """Let Snakemake make what the cell is opened from; return the arguments of its job."""
    cell = next(
        cell
        for cell in study.cells
        if cell.dataset == DATASET and cell.axes.batch_size == BATCH_SIZE
    )
    axes = cell.axes
    inputs = [
        study.folder.dataset(DATASET).images_manifest(axes.stored_size),
        study.folder.model_manifest(axes.model, axes.dtype),
        study.folder.machine,
    ]
    run_snakemake(folder, *map(str, inputs), "--cores", "all", "--configfile", str(CONFIG))
    params = Jobs(study).build_measurement(cell)
    del params["attempt"]
    return [params_of(each) for each in (params, *map(str, inputs))]


def params_of(value: object) -> str:
    """Return a value as the job's program reads it."""
    return json.dumps(value, default=vars)


def measure(job: list[str], way: str, folder: Path) -> Figures:
    """Run the job; return its figures."""
    begun_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", JOB, *job, params_of(str(folder))],
        env={**os.environ, warm.ADDRESS: way},
        check=True,
    )
    job_s = time.monotonic() - begun_s
    measurement: dict[str, Any] = read_json(folder / "measurement.json")
    if ("wait_for_fork" in measurement["time_spent_s"]) == (way == "off"):
        raise AssertionError((folder / "log").read_text(encoding="utf-8"))
    print(f"{folder} took {job_s:.1f} s", file=sys.stderr, flush=True)
    return {what: read({**measurement, "job_s": job_s}) for what, read in COMPARED.items()}


def print_table(cold: Sequence[Figures], forked: Sequence[Figures]) -> None:
    """Print medians, and the center of the pairs' differences with its interval."""
    print(f"{len(cold)} pairs, batch {BATCH_SIZE} of {DATASET}\n")
    print("| figure | cold | warm | difference within pairs | 95 % interval |")
    print("|---|---:|---:|---:|---:|")
    for what in COMPARED:
        pairs = [(first[what], second[what]) for first, second in zip(cold, forked, strict=True)]
        share = bound_center(100.0 * (second / first - 1.0) for first, second in pairs)
        medians = (statistics.median(values) for values in zip(*pairs, strict=True))
        row = " | ".join(f"{median:.5g}" for median in medians)
        print(
            f"| {what} | {row} | {share.value:+.2f} % | {share.low:+.2f} to {share.high:+.2f} % |"
        )


if __name__ == "__main__":
    main()
