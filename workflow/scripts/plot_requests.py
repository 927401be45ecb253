"""Draw where the time of a request goes."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_requests import plot_requests
from vlmeter.results.outline import SettingsPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_requests,
    unpack(SettingsPlan, snakemake.params.plan),
    Path(snakemake.input.summary),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
