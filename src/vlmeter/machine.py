"""The machine, described once: what it is, and what it draws when it does nothing."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vlmeter import devices
from vlmeter.celljob import cpu_threads
from vlmeter.dtypes import DTYPES
from vlmeter.files import write_json
from vlmeter.host import describe_host
from vlmeter.measure.clock import clock_for
from vlmeter.measure.energy import measure_idle_watts
from vlmeter.measure.energy_sources import EnergySettings, describe_energy_sources
from vlmeter.measure.nvml import open_devices
from vlmeter.measure.peak import measure_peak
from vlmeter.provenance import git_state

_SETTLE_S = 0.5


def describe_machine(params: Mapping[str, Any], machine: str) -> None:
    """Write `machine.json`.

    Args:
        params: What `Jobs.machine` tells.
        machine: Path to write to.
    """
    energy = params["energy"]
    settings = EnergySettings.of(energy)
    seen = open_devices("cuda")
    sources = describe_energy_sources(settings, seen)
    # The start of this very process is no idle load.
    time.sleep(_SETTLE_S)
    sources["idle"] = measure_idle_watts(sources, settings, energy["idle_window_s"], seen)
    write_json(
        Path(machine),
        {
            **describe_host(),
            "threads_of_a_cell": cpu_threads(params["cpu_threads"]),
            "gpus": [gpu.as_dict() for gpu in devices.visible_gpus()],
            "software": dict(params["software"]),
            "energy": sources,
            "peak_flop_per_s": _peaks(params),
            "git": git_state(),
        },
    )


def _peaks(params: Mapping[str, Any]) -> dict[str, float]:
    """Return the rate of a large matrix product on each device and in each format of the study."""
    torch.set_num_threads(cpu_threads(params["cpu_threads"]))
    return {
        f"{device}-{dtype}": measure_peak(device, DTYPES[dtype], clock_for(device)).flop_per_s
        for device, dtype in params["peaks"]
        if device == "cpu" or torch.cuda.is_available()
    }
