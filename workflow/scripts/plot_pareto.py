"""Draw quality against latency and energy."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_pareto import plot_pareto
from vlmeter.scripting import run_job, unpacked

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_pareto,
    unpacked(snakemake.params.outline),
    Path(snakemake.input.summary),
    Path(snakemake.input.differences),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
