"""Gather the costs of a cell and the answers of its shards."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.cell.gather_shards import GatheredOutputs, gather_shards
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    gather_shards,
    Path(snakemake.input.costs),
    [Path(manifest) for manifest in snakemake.input.answers],
    GatheredOutputs(**{name: Path(path) for name, path in snakemake.output.items()}),
)
