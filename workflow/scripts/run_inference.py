"""Measure one cell: its cost, and its answers."""

from typing import TYPE_CHECKING

from vlmeter.cell.run_inference import run_inference
from vlmeter.scripting import run_measuring_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_measuring_job(
    snakemake.log[0],
    snakemake.params.job["cell"]["axes"]["device"],
    snakemake.params.job["cell"]["gpus"],
    run_inference,
    snakemake.params.job,
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    snakemake.resources.timeout_s,
)
