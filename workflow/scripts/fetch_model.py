"""Store one model in one number format."""

from typing import TYPE_CHECKING

from vlmeter.models.fetch_model import fetch_model
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    fetch_model,
    snakemake.params.model,
    snakemake.output.manifest,
)
