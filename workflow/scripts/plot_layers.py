"""Draw the layer profiles."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.figures.plot_layers import plot_layers
from vlmeter.results.outline import LayersPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    plot_layers,
    unpack(LayersPlan, snakemake.params.plan),
    Path(snakemake.input.layers),
    [Path(path) for path in snakemake.input.records],
    Path(snakemake.input.machine),
    Path(snakemake.output.figure),
    Path(snakemake.input.locales[0]).parent,
)
