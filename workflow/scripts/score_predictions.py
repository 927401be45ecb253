"""Score one cell's predictions and join cost and quality in its record."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.results.score_predictions import score_predictions
from vlmeter.scripting import run_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

score = snakemake.params.score
run_job(
    snakemake.log[0],
    score_predictions,
    Path(snakemake.input.measurement),
    Path(snakemake.input.predictions),
    Path(snakemake.input.samples).with_suffix(".parquet"),
    Path(snakemake.output.record),
    task=score["task"],
    cell=score["cell"],
    seed=score["seed"],
    resamples=score["resamples"],
    not_measured=score["not_measured"],
)
