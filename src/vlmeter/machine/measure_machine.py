"""The machine, described once: what it is, and what it draws when it does nothing."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pynvml
import torch

from vlmeter.errors import Sentence
from vlmeter.machine import devices, gpu_state
from vlmeter.machine.cores import count_cpu_threads
from vlmeter.machine.description import DescribedGpu, Gpu, Machine, format_peak_key
from vlmeter.machine.dtypes import DTYPES
from vlmeter.machine.host import describe_host
from vlmeter.machine.job import MachineJob
from vlmeter.machine.torch_device import check_device
from vlmeter.measure import nvml
from vlmeter.measure.clock import make_clock
from vlmeter.measure.energy.description import EnergySources, IdlePower
from vlmeter.measure.energy.idle import measure_idle_watts
from vlmeter.measure.energy.sources import describe_energy_sources
from vlmeter.measure.peak import measure_peak
from vlmeter.measure.settling import wait_until_idle
from vlmeter.provenance import read_git_state
from vlmeter.status import describe_failure
from vlmeter.storage.files import write_json


def measure_machine(job: MachineJob, machine: Path) -> None:
    """Write `machine.json`.

    Every cell waits for it, so a GPU that fails here leaves a reason in place of its figures.

    Args:
        job: What is measured of the machine, and how.
        machine: `machine.json`, to write.
    """
    gpus = devices.visible_gpus()
    taken = gpu_state.describe_occupations()
    # A GPU that is lost or divided may keep CUDA from starting on the others.
    devices.show_only([gpu.uuid for gpu in gpus])
    opened = _open_gpus(gpus)
    sources = describe_energy_sources(job.energy, opened)
    idle = _measure_idle_power(sources, job, opened, taken)
    for sentence in (*devices.list_left_out(), *taken.values()):
        print(sentence, file=sys.stderr)
    rates, reasons = _measure_peaks(job, gpus, taken)
    described = Machine(
        **vars(describe_host()),
        threads_of_a_cell=count_cpu_threads(job.cpu_threads),
        gpus=tuple(DescribedGpu(**vars(gpu), taken=taken.get(gpu.uuid)) for gpu in gpus),
        gpus_left_out=devices.list_left_out(),
        software=job.software,
        energy=replace(sources, idle=idle),
        peak_flop_per_s=rates,
        peak_reason=reasons,
        git=read_git_state(),
    )
    write_json(machine, asdict(described))


def _open_gpus(gpus: Sequence[Gpu]) -> list[nvml.Gpu]:
    """Return these GPUs as their driver shows them, whether torch can use them or not."""
    opened = {gpu.index: gpu for gpu in nvml.open_gpus(pynvml)} if gpus else {}
    return [opened[gpu.index] for gpu in gpus if gpu.index in opened]


def _measure_idle_power(
    sources: EnergySources, job: MachineJob, gpus: Sequence[nvml.Gpu], taken: Mapping[str, str]
) -> IdlePower:
    settling = wait_until_idle(gpus)
    unsettled = None
    if settling.settled is False:
        unsettled = Sentence(f"its power did not come to rest within {settling.settle_s:.0f} s")
    not_idle = {
        f"gpu{gpu.index}": reason
        for gpu in gpus
        if (reason := taken.get(gpu.uuid() or "") or unsettled)
    }
    try:
        idle = measure_idle_watts(sources, job.energy, job.idle_window_s, gpus, not_idle=not_idle)
    except Exception as error:
        idle = IdlePower({}, {"machine": describe_failure(error).reason})
    return replace(idle, settle_s=settling.settle_s, settled=settling.settled)


def _measure_peaks(
    job: MachineJob, gpus: Sequence[Gpu], taken: Mapping[str, str]
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Measure the rate of a large matrix product on each device in each format of the study.

    Returns:
        The rates by `format_peak_key`, and why a rate is None by the same keys.
    """
    torch.set_num_threads(count_cpu_threads(job.cpu_threads))
    rates: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for peak in job.peaks:
        device, dtype = peak.device, peak.dtype
        if device == "cuda" and not gpus:
            key = format_peak_key(device, dtype)
            rates[key], reasons[key] = None, devices.describe_absence(device)
        for name, place in _list_places(device, gpus):
            key = format_peak_key(name, dtype)
            try:
                check_device(place)
                rates[key] = measure_peak(place, DTYPES[dtype], make_clock(place)).flop_per_s
            except Exception as error:
                rates[key] = None
                words = [describe_failure(error).reason, taken.get(name)]
                reasons[key] = "; ".join(word for word in words if word)
    return rates, reasons


def _list_places(device: str, gpus: Sequence[Gpu]) -> Iterator[tuple[str, str]]:
    """Yield a device's name in `machine.json` and its name for torch, which shows GPUs in order."""
    if device != "cuda":
        yield device, device
        return
    yield from ((gpu.uuid, f"cuda:{index}") for index, gpu in enumerate(gpus))
