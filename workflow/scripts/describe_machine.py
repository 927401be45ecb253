"""Describe the machine once; cells read it instead of finding out again."""

from pathlib import Path
from typing import TYPE_CHECKING

from vlmeter.machine.describe_machine import describe_machine
from vlmeter.machine.job import MachineJob
from vlmeter.scripting import run_measuring_job
from vlmeter.storage.typed import from_params

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

run_measuring_job(
    snakemake.log[0],
    "cpu",
    0,
    describe_machine,
    from_params(MachineJob, snakemake.params.machine),
    Path(snakemake.output.machine),
)
