"""Draw one section's figure."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_section import plot_section
from vlmeter.results.outline import SectionPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_section,
    unpack(SectionPlan, snakemake.params.plan),
    Path(snakemake.input.summary),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
