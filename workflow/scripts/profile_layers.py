"""Profile one cell's forward pass layer by layer."""

from typing import TYPE_CHECKING

from vlmeter.cell.profile_layers import profile_layers
from vlmeter.scripting import run_measuring_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_measuring_job(
    snakemake.log[0],
    snakemake.params.job["cell"]["axes"]["device"],
    snakemake.params.job["cell"]["gpus"],
    profile_layers,
    snakemake.params.job,
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    snakemake.resources.timeout_s,
)
