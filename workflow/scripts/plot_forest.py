"""Draw what each knob does."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_forest import plot_forest
from vlmeter.results.outline import ForestPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_forest,
    unpack(ForestPlan, snakemake.params.plan),
    Path(snakemake.input.summary),
    Path(snakemake.input.differences),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
