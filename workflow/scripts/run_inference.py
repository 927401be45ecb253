"""Measure one cell: its cost, and its answers."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.cell.job import CellInputs, CellJob, JobAttempt
from vlmeter.cell.run_inference import CellOutputs, run_inference
from vlmeter.scripting import run_measuring_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

params = snakemake.params.job
job = from_params(CellJob, params)
run_measuring_job(
    snakemake.log[0],
    job.cell.axes.device,
    job.cell.gpus,
    run_inference,
    job,
    JobAttempt(**params["attempt"]),
    CellInputs.from_files(dict(snakemake.input.items())),
    Path(snakemake.input.machine),
    CellOutputs(**{name: Path(path) for name, path in snakemake.output.items()}),
    snakemake.resources.timeout_s,
)
