"""Bring one data set's images to one size."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.data.preprocess_images import preprocess_images
from vlmeter.scripting import run_keyed_job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_keyed_job(
    snakemake.log[0],
    snakemake.params.key,
    preprocess_images,
    Path(snakemake.input.manifest),
    snakemake.params.images["image_size"],
    Path(snakemake.output.images),
    Path(snakemake.output.manifest),
    keeps_aspect_ratio=snakemake.params.images["keeps_aspect_ratio"],
)
