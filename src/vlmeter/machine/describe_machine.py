"""The machine, described once: what it is, and what it draws when it does nothing."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pynvml
import torch

from vlmeter.machine import devices, gpu_state
from vlmeter.machine.devices import cpu_threads
from vlmeter.machine.dtypes import DTYPES
from vlmeter.machine.host import describe_host
from vlmeter.machine.peaks import peak_key
from vlmeter.machine.torch_device import check_device
from vlmeter.measure.clock import clock_for
from vlmeter.measure.energy.meter import measure_idle_watts
from vlmeter.measure.energy.sources import EnergySettings, describe_energy_sources
from vlmeter.measure.nvml import Gpu, open_gpus
from vlmeter.measure.peak import measure_peak
from vlmeter.measure.settling import wait_until_idle
from vlmeter.provenance import read_git_state
from vlmeter.status import describe_failure
from vlmeter.storage.files import write_json


def describe_machine(params: Mapping[str, Any], machine: str) -> None:
    """Write `machine.json`.

    Every cell waits for it, so a GPU that fails here leaves a reason in place of its figures.

    Args:
        params: What `Jobs.machine` tells.
        machine: Path to write to.
    """
    energy = params["energy"]
    settings = EnergySettings.of(energy)
    gpus = devices.visible_gpus()
    taken = gpu_state.occupations()
    # A GPU that is lost or divided may keep CUDA from starting on the others.
    devices.show_only([gpu.uuid for gpu in gpus])
    seen = _open_gpus(gpus)
    sources = describe_energy_sources(settings, seen)
    git = read_git_state()
    sources["idle"] = _idle(sources, settings, energy["idle_window_s"], seen)
    for sentence in (*devices.left_out(), *taken.values()):
        print(sentence, file=sys.stderr)
    write_json(
        Path(machine),
        {
            **describe_host(),
            "threads_of_a_cell": cpu_threads(params["cpu_threads"]),
            "gpus": [{**gpu.as_dict(), "taken": taken.get(gpu.uuid)} for gpu in gpus],
            "gpus_left_out": list(devices.left_out()),
            "software": dict(params["software"]),
            "energy": sources,
            **_peaks(params, gpus, taken),
            "git": git and asdict(git),
        },
    )


def _open_gpus(gpus: Sequence[devices.Gpu]) -> list[Gpu]:
    """Return these GPUs as their driver shows them, whether torch can use them or not."""
    opened = {gpu.index: gpu for gpu in open_gpus(pynvml)} if gpus else {}
    return [opened[gpu.index] for gpu in gpus if gpu.index in opened]


def _idle(
    sources: Mapping[str, Any], settings: EnergySettings, window_s: float, seen: Sequence[Gpu]
) -> dict[str, Any]:
    settled = wait_until_idle(seen)
    try:
        idle = measure_idle_watts(sources, settings, window_s, seen)
    except Exception as error:
        idle = {"power_w": {}, "reason": {"machine": describe_failure(error).reason}}
    return {**idle, **settled}


def _peaks(
    params: Mapping[str, Any], gpus: Sequence[devices.Gpu], taken: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the rate of a large matrix product on each device in each format of the study.

    Returns:
        `peak_flop_per_s` by `peaks.peak_key`, None where it could not be measured, and
        `peak_reason` by the same keys.
    """
    torch.set_num_threads(cpu_threads(params["cpu_threads"]))
    rates: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for device, dtype in params["peaks"]:
        if device == "cuda" and not gpus:
            key = peak_key(device, dtype)
            rates[key], reasons[key] = None, devices.absence(device)
        for name, place in _places(device, gpus):
            key = peak_key(name, dtype)
            try:
                check_device(place)
                rates[key] = measure_peak(place, DTYPES[dtype], clock_for(place)).flop_per_s
            except Exception as error:
                rates[key] = None
                words = [describe_failure(error).reason, taken.get(name)]
                reasons[key] = "; ".join(word for word in words if word)
    return {"peak_flop_per_s": rates, "peak_reason": reasons}


def _places(device: str, gpus: Sequence[devices.Gpu]) -> Iterator[tuple[str, str]]:
    """Return what a device is called in `machine.json`, and by torch, which shows GPUs in order."""
    if device != "cuda":
        yield device, device
        return
    yield from ((gpu.uuid, f"cuda:{index}") for index, gpu in enumerate(gpus))
