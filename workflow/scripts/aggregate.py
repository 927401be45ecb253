"""Collect all records in tidy tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.results.aggregate import aggregate
from vlmeter.results.comparisons import Comparisons
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    aggregate,
    [Path(path) for path in snakemake.input.records],
    [Path(path) for path in snakemake.input.layer_tables],
    [Path(path) for path in snakemake.input.layer_records],
    Path(snakemake.output.summary),
    Path(snakemake.output.layers),
    Path(snakemake.output.differences),
    Path(snakemake.output.repeatability),
    unpack(Comparisons, snakemake.params.comparisons),
)
