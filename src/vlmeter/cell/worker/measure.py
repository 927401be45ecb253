"""One cell measured: its answers under natural decoding, its cost under a fixed workload.

Runs in the cell's child. Two passes, so that an early end of an answer never looks like speed.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

from vlmeter.cell.measurement import Figures, ModelBlock
from vlmeter.cell.worker.answers import write_predictions
from vlmeter.cell.worker.blocks import (
    describe_decoding,
    describe_model,
    describe_provenance,
    machine_at_hand,
)
from vlmeter.cell.worker.guarding import value_or_reason
from vlmeter.cell.worker.workload import Bench, set_up
from vlmeter.machine.description import Machine
from vlmeter.measure.clock import Clock, clock_for
from vlmeter.measure.conditions import ConditionsProbe
from vlmeter.measure.energy.meter import EnergyMeter, energy_meter
from vlmeter.measure.energy.result import Energy, with_generation
from vlmeter.measure.energy.sources import EnergySettings
from vlmeter.measure.flops.count import count_decode_step, count_flops
from vlmeter.measure.flops.result import DecodeStep, Flops, FlopsDetail, MissingFlops
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import LatencyPlan, Timing, measure_latency
from vlmeter.measure.memory import memory_probe
from vlmeter.measure.nvml import Gpu, open_devices
from vlmeter.measure.result import (
    Conditions,
    Generation,
    Latency,
    MissingConditions,
    MissingMemory,
)
from vlmeter.models.compilation import Compilation
from vlmeter.models.result import CompileResult
from vlmeter.models.traceable import countable

_GPU_WARMUP_S = 1.0
"""The least warm-up on a GPU, which takes 0.1 to 1 s to leave its idle clock."""


@dataclass(frozen=True)
class Measured:
    """What a cell that went well leaves."""

    figures: Figures
    timings: list[Timing]


def measure_cell(
    job: Mapping[str, Any], inputs: Mapping[str, str], predictions: Path | None
) -> Measured:
    """Measure one cell.

    Args:
        job: What `Jobs.inference` tells.
        inputs: Paths of the manifests `images`, `model` and of `machine`.
        predictions: The table to write answers to, as they come; without one nothing is answered.
    """
    spent = TimeSpent()
    cell = job["cell"]
    device = cell["axes"]["device"]
    machine = machine_at_hand(inputs, cell["measure"])
    gpus = open_devices(device)
    memory = memory_probe(device, gpus)
    memory.start()
    with spent.on("set_up"):
        bench = set_up(job, inputs)
        # Before anything is measured: what fails here takes no figure with it.
        described = bench.describe_input()
        model = describe_model(bench, inputs)
        decoding = describe_decoding(bench, cell)
        provenance = describe_provenance(job, bench, machine, gpus)
    with spent.on("checks"):
        checks = bench.check_image_is_seen()
    if predictions is not None:
        with spent.on("answers"):
            items = None if job.get("cost_only") else bench.items
            write_predictions(predictions, bench.loaded, bench.feeder, items, cell)
    compilation = Compilation(bench.loaded.model, bench.loaded.optimization)
    with spent.on("compile" if bench.loaded.optimization.compiled else "checks"):
        model = _compile_and_check(bench, model, compilation, clock_for(device))
    memory.begin_workload()
    with spent.on("costs"):
        costs = _costs(bench, cell, machine, gpus, compilation)
    peaks, reason = value_or_reason(lambda: memory.stop(bench.loaded.model))
    with spent.on("flops"):
        flops = _count_flops(bench, cell, machine, gpus, costs.latency.latency_s)
    figures = Figures(
        input=described,
        model=model,
        decoding=decoding,
        provenance=provenance,
        latency_detail=costs.latency,
        generation=costs.generation,
        energy_detail=costs.energy,
        compile=costs.compilation,
        conditions=costs.conditions,
        flops_detail=flops,
        memory=peaks or MissingMemory(str(reason)),
        checks=checks,
        time_spent_s=spent.as_dict(),
    )
    return Measured(figures, costs.timings)


def _compile_and_check(
    bench: Bench, model: ModelBlock, compilation: Compilation, clock: Clock
) -> ModelBlock:
    """Bring the model into the form that is timed, and add what really runs in it."""
    # Before anything is compiled: a generation would compile every layer for lengths of its own.
    decode = bench.check_generation()
    if bench.loaded.optimization.compiled:
        compilation.start(bench.forwards(), clock)
    forward = bench.check_forward()
    return replace(
        model,
        quantization=decode.quantization,
        cache=decode.cache,
        decode_kernels=decode.decode_kernels,
        kernels=forward.kernels,
        not_as_asked=forward.not_as_asked,
    )


@dataclass(frozen=True)
class _Costs:
    latency: Latency
    generation: Generation
    energy: Energy
    compilation: CompileResult | None
    conditions: Conditions | MissingConditions
    timings: list[Timing]


def _costs(
    bench: Bench,
    cell: Mapping[str, Any],
    machine: Machine,
    gpus: Sequence[Gpu],
    compilation: Compilation,
) -> _Costs:
    """Run the fixed workload: forward passes, compiled or not, then forced generations."""
    axes, measure = cell["axes"], cell["measure"]
    clock = clock_for(axes["device"])
    conditions = ConditionsProbe(gpus)
    conditions.start()
    plan = _latency_plan(measure, axes["device"])
    threads = torch.get_num_threads()
    latency, forward_times = measure_latency(bench.forwards(), clock, plan, threads)
    meter = energy_meter(machine.energy, EnergySettings.of(measure["energy"]), axes["device"])
    energy = meter.measure(
        bench.forwards(),
        clock,
        window_s=measure["energy"]["window_s"],
        samples_per_batch=axes["batch_size"],
        repeats=measure["repeats"],
        watch=conditions.sample,
    )
    compiled = compilation.stop() if bench.loaded.optimization.compiled else None
    generation, generation_times, energy = _decoding(bench, cell, clock, meter, energy, conditions)
    read, reason = value_or_reason(conditions.stop)
    return _Costs(
        latency=latency,
        generation=generation,
        energy=energy,
        compilation=compiled,
        conditions=read or MissingConditions(str(reason)),
        timings=[*forward_times, *generation_times],
    )


def _count_flops(
    bench: Bench,
    cell: Mapping[str, Any],
    machine: Machine,
    gpus: Sequence[Gpu],
    latency_s: float,
) -> FlopsDetail | MissingFlops:
    """Count the work of a pass and of a decode step; a count that fails leaves a reason."""
    loaded, axes = bench.loaded, cell["axes"]
    held = {str(gpu.uuid()) for gpu in gpus}

    def count_pass() -> tuple[Flops, float | None]:
        with countable(loaded):
            flops = count_flops(loaded.model, bench.cost_batches[0], loaded.family.stage_of)
        return flops, machine.find_peak(axes["device"], axes["dtype"], held)

    def count_step() -> DecodeStep:
        with countable(loaded):
            return count_decode_step(loaded.generator, axes["batch_size"], bench.sequence_length)

    counted, reason = value_or_reason(count_pass)
    step, step_reason = value_or_reason(count_step)
    step = step or DecodeStep(None, step_reason, {})
    if counted is None:
        return MissingFlops(None, str(reason), step.flops, step.reason)
    flops, peak_flop_per_s = counted
    return flops.detail(step, latency_s, peak_flop_per_s)


def _decoding(
    bench: Bench,
    cell: Mapping[str, Any],
    clock: Clock,
    meter: EnergyMeter,
    energy: Energy,
    conditions: ConditionsProbe,
) -> tuple[Generation, list[Timing], Energy]:
    """Time decoding of a forced length, and put its energy per token beside the forward's."""
    axes, measure = cell["axes"], cell["measure"]
    new_tokens = measure["new_tokens"]

    generation, timings = measure_generation(
        bench.generation,
        clock,
        new_tokens=new_tokens,
        batch_size=axes["batch_size"],
        repeats=measure["repeats"],
    )
    decoding = meter.measure(
        [partial(bench.generation, new_tokens)],
        clock,
        window_s=measure["energy"]["window_s"],
        samples_per_batch=axes["batch_size"],
        repeats=measure["repeats"],
        tokens_per_batch=axes["batch_size"] * new_tokens,
        watch=conditions.sample,
    )
    return generation, timings, with_generation(energy, decoding)


def _latency_plan(measure: Mapping[str, Any], device: str) -> LatencyPlan:
    return LatencyPlan(
        window_s=measure["window_s"],
        min_iterations=measure["min_iterations"],
        repeats=measure["repeats"],
        min_warmup_s=0.0 if device == "cpu" else _GPU_WARMUP_S,
        max_warmup_s=measure["max_warmup_s"],
    )


MEASURED = ("answers", "costs", "flops")
"""What a cell is run for."""


class TimeSpent:
    """Adds up the seconds of this process by what they were spent on."""

    def __init__(self) -> None:
        """Count what lies behind, imports for the most part, as `start`."""
        self._begun = time.perf_counter()
        self._seconds = {"start": max(0.0, time.time() - psutil.Process().create_time())}

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Count the time inside as spent on `what`."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - begun
            self._seconds[what] = self._seconds.get(what, 0.0) + taken

    def as_dict(self) -> dict[str, float]:
        """Return the `time_spent_s` block: seconds by what, `whole`, and `share_measured` of it."""
        whole = self._seconds["start"] + time.perf_counter() - self._begun
        measured = sum(self._seconds.get(what, 0.0) for what in MEASURED)
        return {**self._seconds, "whole": whole, "share_measured": measured / whole}
