"""Write the script that draws charts in the page."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.bundle_vega import bundle_vega
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(snakemake.log[0], bundle_vega, Path(snakemake.output.script))
