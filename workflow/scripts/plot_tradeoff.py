"""Draw what each setting costs and what it buys."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_tradeoff import plot_tradeoff
from vlmeter.results.outline import SettingsPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_tradeoff,
    unpack(SettingsPlan, snakemake.params.plan),
    Path(snakemake.input.summary),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
