"""Profile one cell's forward pass layer by layer."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.cell.job import CellInputs, JobAttempt, LayersJob
from vlmeter.cell.profile_layers import LayersOutputs, profile_layers
from vlmeter.scripting import run_measuring_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

params = snakemake.params.job
job = from_params(LayersJob, params)
run_measuring_job(
    snakemake.log[0],
    job.cell.axes.device,
    job.cell.gpus,
    profile_layers,
    job,
    JobAttempt(**params["attempt"]),
    CellInputs.from_files(dict(snakemake.input.items())),
    LayersOutputs(Path(snakemake.output.table), Path(snakemake.output.record)),
    snakemake.resources.timeout_s,
)
