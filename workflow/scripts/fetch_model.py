"""Store one model in one number format."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.models.fetch_model import fetch_model
from vlmeter.models.job import ModelJob
from vlmeter.scripting import run_keyed_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_keyed_job(
    snakemake.log[0],
    snakemake.params.key,
    fetch_model,
    from_params(ModelJob, snakemake.params.model),
    Path(snakemake.output.manifest),
)
