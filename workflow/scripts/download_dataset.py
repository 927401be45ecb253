"""Read one data set's sample from its source."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.data.download_dataset import download_dataset
from vlmeter.data.job import DatasetJob
from vlmeter.scripting import run_keyed_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_keyed_job(
    snakemake.log[0],
    snakemake.params.key,
    download_dataset,
    from_params(DatasetJob, snakemake.params.dataset),
    Path(snakemake.output.samples),
    Path(snakemake.output.manifest),
)
