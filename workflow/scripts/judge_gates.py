"""Hold the study's figures against its gates."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.results.judge_gates import judge_gates
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    judge_gates,
    snakemake.params.gates,
    Path(snakemake.input.summary),
    Path(snakemake.input.repeatability),
    Path(snakemake.output.gates),
)
