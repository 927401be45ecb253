"""Score one cell's predictions and join cost and quality in its record."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.results.job import ScoreJob
from vlmeter.results.score_predictions import score_predictions
from vlmeter.scripting import run_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_job(
    snakemake.log[0],
    score_predictions,
    Path(snakemake.input.measurement),
    Path(snakemake.input.predictions),
    Path(snakemake.input.samples).with_suffix(".parquet"),
    Path(snakemake.output.record),
    from_params(ScoreJob, snakemake.params.score),
)
