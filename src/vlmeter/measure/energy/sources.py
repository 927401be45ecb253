"""Finds out which devices' energy can be measured or modelled on this machine, and how.

Codecarbon needs 1.5 to 2 s for that (naming the CPU takes most of it), so it is done once per
machine. The cells build the same codecarbon hardware objects from the description.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from codecarbon import OfflineEmissionsTracker
from codecarbon.external.hardware import CPU
from codecarbon.external.ram import RAM

from vlmeter.measure.energy.codecarbon import list_tracker_options, silence_codecarbon
from vlmeter.measure.energy.counters import POWERCAP, make_nvml_counter, make_rapl_counters
from vlmeter.measure.energy.description import (
    CONSTANT,
    MEASURED,
    MODELLED,
    CpuSource,
    EnergySources,
    GpuSource,
    Grid,
    RamSource,
)
from vlmeter.measure.nvml import Gpu
from vlmeter.measure.settings import EnergySettings

_DEFAULT_W_PER_THREAD = 4.0
"""What codecarbon assumes of a CPU that is not in its table."""

_CPU_MODES = {
    "intel_rapl": (MEASURED, "RAPL by codecarbon"),
    "windows_emi": (MEASURED, "Windows energy meter by codecarbon"),
    "intel_power_gadget": (MEASURED, "Intel Power Gadget by codecarbon"),
    "cpu_load": (MODELLED, "codecarbon's load model: TDP x (0.1 + 0.9 x load^3), whole machine"),
    "constant": (CONSTANT, "codecarbon: half the TDP, whatever the load"),
}


def describe_energy_sources(
    settings: EnergySettings, gpus: Sequence[Gpu] = (), powercap: Path = POWERCAP
) -> EnergySources:
    """Find out how the energy of each device is known here; idle power is not measured.

    Args:
        settings: Watts and grid factor that the user gives.
        gpus: The GPUs, from `nvml.open_gpus`.
        powercap: Folder of the RAPL counters.
    """
    silence_codecarbon()
    grid_g = None if settings.grid_kg_per_kwh is None else 1e3 * settings.grid_kg_per_kwh
    # No GPU here: codecarbon's way of finding them costs a subprocess, and NVML has named them.
    tracker = OfflineEmissionsTracker(**list_tracker_options([], settings.country_iso_code, grid_g))
    tracker.start_task()
    # The grid factor is the quotient of two energies, so there must be some energy.
    psutil.cpu_percent(interval=0.05)
    data = tracker.stop_task()
    hardware = tracker._hardware
    return EnergySources(
        codecarbon=version("codecarbon"),
        cpu=_describe_cpu(hardware, str(tracker._conf.get("cpu_model") or "unknown"), settings),
        ram=_describe_ram(hardware, settings),
        gpus=tuple(map(_describe_gpu, gpus)),
        rapl=tuple(f"{c.device}: {c.method}" for c in make_rapl_counters(powercap)),
        grid=Grid(data.emissions / data.energy_consumed, _describe_grid_source(settings)),
    )


def _describe_cpu(hardware: Sequence[Any], model: str, settings: EnergySettings) -> CpuSource:
    cpus = [item for item in hardware if isinstance(item, CPU)]
    if not cpus:
        # Apple silicon and Raspberry Pi: codecarbon reads chip and memory by tools of their own.
        return CpuSource(
            model=model,
            mode="codecarbon",
            kind=MEASURED,
            method="codecarbon's meter for this system",
            tdp_w=None,
            tdp_source=None,
        )
    mode = cpus[0]._mode
    kind, method = _CPU_MODES[mode]
    tdp_w, source = float(cpus[0]._tdp), "codecarbon's table of CPUs"
    threads = psutil.cpu_count() or 1
    if tdp_w == _DEFAULT_W_PER_THREAD * threads:
        source = f"codecarbon's default for an unknown CPU: 4 W for each of {threads} threads"
    if settings.cpu_power_w is not None:
        tdp_w, source = settings.cpu_power_w, "config"
    measured = kind == MEASURED
    return CpuSource(
        model=model,
        mode=mode,
        kind=kind,
        method=method if measured else f"{method}; TDP {tdp_w:g} W from {source}",
        tdp_w=tdp_w,
        tdp_source=None if measured else source,
    )


def _describe_ram(hardware: Sequence[Any], settings: EnergySettings) -> RamSource:
    power_w = next((float(item.total_power().W) for item in hardware if isinstance(item, RAM)), 0.0)
    source = "codecarbon's guess from its size"
    if settings.ram_power_w is not None:
        power_w, source = settings.ram_power_w, "config"
    return RamSource(
        kind=CONSTANT,
        method=f"{power_w:g} W from {source}, whatever the load",
        power_w=power_w,
        source=source,
        total_gib=psutil.virtual_memory().total / 2**30,
    )


def _describe_gpu(gpu: Gpu) -> GpuSource:
    counter = make_nvml_counter(gpu)
    return GpuSource(
        index=gpu.index,
        name=gpu.name(),
        uuid=gpu.uuid(),
        power_limit_w=gpu.power_limit_w(),
        kind=MEASURED,
        method="power samples of NVML by codecarbon, one a second"
        if counter is None
        else counter.method,
    )


def _describe_grid_source(settings: EnergySettings) -> str:
    if settings.grid_kg_per_kwh is not None:
        return "config"
    if settings.country_iso_code is not None:
        return f"codecarbon's figure for {settings.country_iso_code}"
    return "codecarbon's world average"
