"""One cell measured: its answers under natural decoding, its cost under a fixed workload.

Runs in the cell's child. Two passes, so that an early end of an answer never looks like speed.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch

from vlmeter.cell.worker.answers import write_predictions
from vlmeter.cell.worker.blocks import (
    decoding_block,
    machine_at_hand,
    model_block,
    provenance_block,
)
from vlmeter.cell.worker.guarding import value_or_reason
from vlmeter.cell.worker.workload import Bench, set_up
from vlmeter.machine.description import Machine
from vlmeter.measure.clock import Clock, clock_for
from vlmeter.measure.conditions import ConditionsProbe
from vlmeter.measure.energy.meter import EnergyMeter, energy_meter
from vlmeter.measure.energy.result import Energy, with_generation
from vlmeter.measure.energy.sources import EnergySettings
from vlmeter.measure.flops.count import DecodeStep, count_decode_step, count_flops
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import LatencyPlan, Timing, measure_latency
from vlmeter.measure.memory import memory_probe
from vlmeter.measure.nvml import Gpu, open_devices
from vlmeter.models.compilation import Compilation
from vlmeter.models.traceable import countable

_GPU_WARMUP_S = 1.0
"""The least warm-up on a GPU, which takes 0.1 to 1 s to leave its idle clock."""


@dataclass(frozen=True)
class Measured:
    """What a cell that went well leaves."""

    timings: list[dict[str, object]]
    blocks: dict[str, Any]
    """The blocks of `measurement.json`."""


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
        described = {
            "input": bench.described(),
            "model": model_block(bench, inputs),
            "decoding": decoding_block(bench, cell),
            "provenance": provenance_block(job, bench, machine, gpus),
        }
    with spent.on("checks"):
        checks = bench.check_image_is_seen()
    if predictions is not None:
        with spent.on("answers"):
            items = None if job.get("cost_only") else bench.items
            write_predictions(predictions, bench.loaded, bench.feeder, items, cell)
    compilation = Compilation(bench.loaded.model, bench.loaded.optimization)
    with spent.on("compile" if bench.loaded.optimization.compiled else "checks"):
        effects = _compile_and_check(bench, compilation, clock_for(device))
    memory.begin_workload()
    with spent.on("costs"):
        costs = _costs(bench, cell, machine, gpus, compilation)
    peaks, reason = value_or_reason(lambda: memory.stop(bench.loaded.model).as_dict())
    with spent.on("flops"):
        flops = _flops_block(bench, cell, machine, gpus, costs.latency_s)
    blocks = {
        **described,
        **costs.blocks,
        "flops_detail": flops,
        "memory": {"memory_reason": reason} if peaks is None else peaks,
        "checks": checks,
        "model": {**described["model"], **effects},
        "time_spent_s": spent.as_dict(),
    }
    return Measured([dict(row._asdict()) for row in costs.timings], blocks)


def _compile_and_check(bench: Bench, compilation: Compilation, clock: Clock) -> dict[str, Any]:
    """Bring the model into the form that is timed, and see what really runs in it."""
    # Before anything is compiled: a generation would compile every layer for lengths of its own.
    effects = bench.check_generation()
    if bench.loaded.optimization.compiled:
        compilation.start(bench.forwards(), clock)
    return effects | bench.check_forward()


@dataclass(frozen=True)
class _Costs:
    latency_s: float
    timings: list[Timing]
    blocks: dict[str, Any]


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
    latency = measure_latency(bench.forwards(), clock, plan, threads=torch.get_num_threads())
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
    generation, energy = _decoding(bench, cell, clock, meter, energy, conditions)
    seen, reason = value_or_reason(lambda: conditions.stop().as_dict())
    blocks = {
        "latency_detail": latency.as_dict(),
        "generation": generation.as_dict(),
        "energy_detail": energy.as_dict(),
        "compile": compiled,
        "conditions": {"conditions_reason": reason} if seen is None else seen,
    }
    return _Costs(latency.latency_s, [*latency.rows, *generation.rows], blocks)


def _flops_block(
    bench: Bench,
    cell: Mapping[str, Any],
    machine: Machine,
    gpus: Sequence[Gpu],
    latency_s: float,
) -> dict[str, Any]:
    """Count the work of a pass and of a decode step; a count that fails leaves a reason."""
    loaded, axes = bench.loaded, cell["axes"]
    held = {str(gpu.uuid()) for gpu in gpus}

    def count_pass() -> dict[str, object]:
        with countable(loaded):
            flops = count_flops(loaded.model, bench.cost_batches[0], loaded.family.stage_of)
        peak = machine.find_peak(axes["device"], axes["dtype"], held)
        return flops.as_dict(latency_s=latency_s, peak_flop_per_s=peak)

    def count_step() -> DecodeStep:
        with countable(loaded):
            return count_decode_step(loaded.generator, axes["batch_size"], bench.sequence_length)

    counted, reason = value_or_reason(count_pass)
    step, step_reason = value_or_reason(count_step)
    return {
        **({"flops": None, "flops_reason": reason} if counted is None else counted),
        **(step or DecodeStep(None, step_reason, {})).as_dict(),
    }


def _decoding(
    bench: Bench,
    cell: Mapping[str, Any],
    clock: Clock,
    meter: EnergyMeter,
    energy: Energy,
    conditions: ConditionsProbe,
) -> tuple[Any, Energy]:
    """Time decoding of a forced length, and put its energy per token beside the forward's."""
    axes, measure = cell["axes"], cell["measure"]
    new_tokens = measure["new_tokens"]

    generation = measure_generation(
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
    return generation, with_generation(energy, decoding)


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
