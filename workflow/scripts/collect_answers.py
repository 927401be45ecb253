"""Choose samples and answers to look at."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.collect_answers import collect_answers
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    collect_answers,
    snakemake.params.plan,
    [Path(path) for path in snakemake.input.manifests],
    Path(snakemake.input.summary),
    Path(snakemake.input.differences),
    Path(snakemake.params.cells),
    Path(snakemake.output.answers),
)
