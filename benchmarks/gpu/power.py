"""Energy by VLMeter's meter beside codecarbon by itself and beside integrated samples of power."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise

import pynvml
from codecarbon import OfflineEmissionsTracker
from comparison import Comparison
from ours import (
    ENERGY_SETTINGS,
    describe_energy_sources,
    fix_rounds,
    make_energy_meter,
    measure_idle_watts,
    open_devices,
    read_memory,
)
from subject import Subject

J_PER_KWH = 3.6e6
COUNTER_STEP_S = 0.1
"""How often VLMeter takes a GPU's counter to advance."""
_SAMPLE_S = 0.005


@dataclass(frozen=True)
class Sample:
    """What NVML says at one moment."""

    at_s: float
    power_w: float
    counter_j: float


class PowerSamples(threading.Thread):
    """Power and the energy counter of a GPU while the block runs, by NVML alone."""

    def __init__(self, index: int) -> None:
        """Watch the GPU with this number, which is NVML's."""
        super().__init__(daemon=True)
        self.samples: list[Sample] = []
        self._ended = threading.Event()
        pynvml.nvmlInit()
        self._gpu = pynvml.nvmlDeviceGetHandleByIndex(index)

    def run(self) -> None:
        """Read NVML until the block ends."""
        while not self._ended.wait(_SAMPLE_S):
            joules = pynvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu) * 1e-3
            self.samples.append(Sample(time.perf_counter(), self._power_w(), joules))

    def _power_w(self) -> float:
        """The power of this moment, or its mean over a second where there is no other."""
        field = pynvml.nvmlDeviceGetFieldValues(self._gpu, [pynvml.NVML_FI_DEV_POWER_INSTANT])[0]
        if field.nvmlReturn == pynvml.NVML_SUCCESS:
            return float(field.value.uiVal) * 1e-3
        return float(pynvml.nvmlDeviceGetPowerUsage(self._gpu)) * 1e-3

    def __enter__(self) -> "PowerSamples":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def mean_watts(samples: list[Sample]) -> float:
    """Return the mean power: the samples' integral over their time, by trapezoids."""
    pairs = pairwise(samples)
    joules = sum((b.at_s - a.at_s) * (a.power_w + b.power_w) / 2 for a, b in pairs)
    return joules / (samples[-1].at_s - samples[0].at_s)


def counter_step_s(samples: list[Sample]) -> float:
    """Return the median time between two moves of the counter."""
    pairs = pairwise(samples)
    moves = [b.at_s for a, b in pairs if a.counter_j != b.counter_j]
    return statistics.median(b - a for a, b in pairwise(moves))


def cost_of_a_look(subject: Subject) -> Iterator[Comparison]:
    """Whether opening NVML as VLMeter does makes a context on the card, which would draw power."""
    before = _used_bytes()
    open_devices(subject.device)
    after = _used_bytes()
    name = "device memory after VLMeter's look / before"
    yield Comparison(name, after / 2**20, before / 2**20, "MiB", 0.001, at_most=True)


def _used_bytes() -> int:
    """Return what is used of all cards: which card is measured is not known before the look."""
    pynvml.nvmlInit()
    gpus = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
    memories = (read_memory(pynvml, gpu) for gpu in gpus)
    return sum(memory.used for memory in memories if memory is not None)


def energy(subject: Subject) -> Iterator[Comparison]:
    """Mean power of a window of forward passes, by part."""
    gpus = open_devices(subject.device)
    sources = describe_energy_sources(ENERGY_SETTINGS, gpus)
    meter = make_energy_meter(sources, ENERGY_SETTINGS, subject.device)
    call = subject.forward(subject.rows)
    call()
    alone = _codecarbon([gpu.index for gpu in gpus])
    with PowerSamples(gpus[0].index) if gpus else nullcontext() as power:
        alone.start_task("window")
        window = meter.measure(
            [call],
            subject.clock,
            window_s=6.0 if subject.on_gpu else 1.2,
            samples_per_batch=subject.rows,
            rule=fix_rounds(3 if subject.on_gpu else 1),
        )
        theirs = alone.stop_task()
    joules = {"cpu": theirs.cpu_energy, "ram": theirs.ram_energy, "gpu": theirs.gpu_energy}
    for part in window.components:
        watts = J_PER_KWH * joules[part.device[:3]] / theirs.duration
        name = f"{part.device} power / codecarbon by itself"
        yield Comparison(name, part.power_w or 0.0, watts, "W", 0.05)
    if power is not None:
        ours = next(part for part in window.components if part.device.startswith("gpu"))
        watts = mean_watts(power.samples)
        yield Comparison("GPU power / integrated samples", ours.power_w or 0.0, watts, "W", 0.03)
        step_s = counter_step_s(power.samples)
        yield Comparison("step of the counter, as taken / seen", COUNTER_STEP_S, step_s, "s", 0.3)


def _codecarbon(gpus: Sequence[int]) -> OfflineEmissionsTracker:
    """Return codecarbon as anyone sets it up; its first task takes seconds, and is thrown away."""
    tracker = OfflineEmissionsTracker(
        country_iso_code="USA",
        save_to_file=False,
        log_level="error",
        allow_multiple_runs=True,
        gpu_ids=list(gpus),
    )
    tracker.start_task("set-up")
    tracker.stop_task()
    return tracker


def idle_power(subject: Subject) -> Iterator[Comparison]:
    """The card's power while nothing runs, beside the samples of the same seconds."""
    gpus = open_devices(subject.device)
    sources = describe_energy_sources(ENERGY_SETTINGS, gpus)
    subject.synchronize()
    with PowerSamples(gpus[0].index) as samples:
        idle = measure_idle_watts(sources, ENERGY_SETTINGS, 2.0, gpus)
    watts = next(value for name, value in idle.power_w.items() if name.startswith("gpu"))
    name = "idle power with a context / integrated samples"
    yield Comparison(name, watts or 0.0, mean_watts(samples.samples), "W", 0.05)
