"""Store one model in one number format."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.models.job import ModelJob
from vlmeter.scripting import run_keyed_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake


def store(job: ModelJob, manifest: Path) -> None:
    """Store a model."""
    # Not at the top: what libraries print as they are imported belongs in the job's log.
    from vlmeter.models.fetch_model import fetch_model  # noqa: PLC0415

    fetch_model(job, manifest)


run_keyed_job(
    snakemake.log[0],
    snakemake.params.key,
    store,
    from_params(ModelJob, snakemake.params.model),
    Path(snakemake.output.manifest),
)
