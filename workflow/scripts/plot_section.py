"""Draw one section's figure."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_section import plot_section
from vlmeter.scripting import run_job, unpacked

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_section,
    unpacked(snakemake.params.section),
    unpacked(snakemake.params.datasets),
    Path(snakemake.input.summary),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
