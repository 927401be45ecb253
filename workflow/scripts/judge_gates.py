"""Hold the study's figures against its gates."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.results.gates import GatePlan
from vlmeter.results.judge_gates import judge_gates
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    judge_gates,
    unpack(tuple[GatePlan, ...], snakemake.params.gates),
    Path(snakemake.input.summary),
    Path(snakemake.input.repeatability),
    Path(snakemake.output.gates),
)
