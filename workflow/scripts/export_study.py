"""Put the whole study into one JSON file."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.decision.export_study import export_study
from vlmeter.results.outline import Outline
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    export_study,
    unpack(Outline, snakemake.params.outline),
    Path(snakemake.input.summary),
    Path(snakemake.input.layers),
    Path(snakemake.input.differences),
    Path(snakemake.input.repeatability),
    Path(snakemake.input.machine),
    Path(snakemake.output.study),
)
