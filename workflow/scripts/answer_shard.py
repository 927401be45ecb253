"""Answer one shard of a cell's samples."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.cell.answer_shard import ShardOutputs, answer_shard
from vlmeter.cell.job import CellInputs, JobAttempt, ShardJob
from vlmeter.scripting import run_measuring_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

params = snakemake.params.job
job = from_params(ShardJob, params)
run_measuring_job(
    snakemake.log[0],
    job.cell.axes.device,
    job.cell.gpus,
    answer_shard,
    job,
    JobAttempt(**params["attempt"]),
    CellInputs.from_files(dict(snakemake.input.items())),
    ShardOutputs(Path(snakemake.output.answers), Path(snakemake.output.manifest)),
    snakemake.resources.timeout_s,
)
