"""Read one data set's sample from its source."""

from typing import TYPE_CHECKING

from vlmeter.data.download_dataset import download_dataset
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    download_dataset,
    snakemake.params.dataset,
    snakemake.output.samples,
    snakemake.output.manifest,
)
