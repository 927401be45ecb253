"""Draw quality against latency and energy."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_pareto import plot_pareto
from vlmeter.results.outline import ParetoPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_pareto,
    unpack(ParetoPlan, snakemake.params.plan),
    Path(snakemake.input.summary),
    Path(snakemake.input.differences),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
