"""Choose samples and answers to look at."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.reporting.collect_answers import collect_answers
from vlmeter.results.outline import GalleryPlan
from vlmeter.scripting import run_job, unpack

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    collect_answers,
    unpack(GalleryPlan, snakemake.params.plan),
    [Path(path) for path in snakemake.input.manifests],
    Path(snakemake.input.summary),
    Path(snakemake.input.differences),
    Path(snakemake.params.cells),
    Path(snakemake.output.answers),
)
