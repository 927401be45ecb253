"""A machine's description as `describe_machine` writes it, with made-up figures."""

from dataclasses import replace
from typing import Any

from job_factory import MEASURE

from vlmeter.machine.description import Cpu, DescribedGpu, Machine
from vlmeter.machine.job import MachineJob, PeakSetting
from vlmeter.measure.energy.description import (
    CpuSource,
    EnergySources,
    Grid,
    IdlePower,
    RamSource,
)
from vlmeter.measure.settings import EnergySettings
from vlmeter.provenance import GitState

ENERGY_SETTINGS = EnergySettings(
    window_s=10.0,
    min_window_s=1.0,
    min_counter_updates=10,
    cpu_power_w=None,
    ram_power_w=None,
    country_iso_code=None,
    grid_kg_per_kwh=None,
)

ENERGY = EnergySources(
    codecarbon="3.3.2",
    cpu=CpuSource(
        model="Example CPU @ 2.50GHz",
        mode="cpu_load",
        kind="modelled",
        method="cpu_load; TDP 16 W from codecarbon's default",
        tdp_w=16.0,
        tdp_source="codecarbon's default",
    ),
    ram=RamSource(
        kind="constant",
        method="20 W from its size, whatever the load",
        power_w=20.0,
        source="its size",
        total_gib=22.4,
    ),
    gpus=(),
    rapl=(),
    grid=Grid(kg_per_kwh=0.5, source="config"),
    idle=IdlePower({"cpu": 1.6, "ram": 20.0}, {}, window_s=5.0, load=0.1, settle_s=0.5),
)
MACHINE = Machine(
    host="4057",
    cpu=Cpu("Example CPU @ 2.50GHz", physical_cores=2, logical_cores=4),
    memory_bytes=24_000_000_000,
    os="Linux-6.1-x86_64",
    container=None,
    python="3.11.7",
    threads_of_a_cell=2,
    gpus=(),
    gpus_left_out=(),
    software={"torch": "2.13.0", "transformers": "5.23.0"},
    energy=ENERGY,
    git=GitState("0123abcdef0123abcdef", dirty=False),
)


def make_machine_job(*peaks: tuple[str, str], **changes: Any) -> MachineJob:
    """Return the job that measures these peaks, each of a device in a number format."""
    measured = [PeakSetting(device, dtype) for device, dtype in peaks]
    job = MachineJob(MEASURE.energy, idle_window_s=0.05, cpu_threads=1, peaks=measured)
    return replace(job, **changes)


def make_machine(*gpus: tuple[str, str], **changes: Any) -> Machine:
    """Return a machine with GPUs of these UUIDs and names, and with other fields changed."""
    described = tuple(
        DescribedGpu(index, name, uuid, memory_bytes=80 << 30, driver="580.65")
        for index, (uuid, name) in enumerate(gpus)
    )
    return replace(MACHINE, gpus=described, **changes)
