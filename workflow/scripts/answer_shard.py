"""Answer one shard of a cell's samples."""

from typing import TYPE_CHECKING

from vlmeter.cell.answer_shard import answer_shard
from vlmeter.scripting import run_measuring_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_measuring_job(
    snakemake.log[0],
    snakemake.params.job["cell"]["axes"]["device"],
    snakemake.params.job["cell"]["gpus"],
    answer_shard,
    snakemake.params.job,
    dict(snakemake.input.items()),
    dict(snakemake.output.items()),
    snakemake.resources.timeout_s,
)
