"""Fail, naming them, when cells ended in an error or gates are broken."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.results.check_study import check_study
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    check_study,
    Path(snakemake.input.summary),
    [Path(path) for path in snakemake.input.layer_records],
    Path(snakemake.output.check),
    next(map(Path, snakemake.input.gates), None),
)
