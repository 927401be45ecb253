"""One cell measured: its answers under natural decoding, its cost under a fixed workload.

Runs in the cell's child. Two passes, so that an early end of an answer never looks like speed.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from vlmeter.cell.job import CellInputs, CellJob
from vlmeter.cell.measurement import Figures, ModelBlock
from vlmeter.cell.worker.answers import write_predictions
from vlmeter.cell.worker.blocks import (
    describe_decoding,
    describe_model,
    describe_own_machine,
    describe_provenance,
)
from vlmeter.cell.worker.guarding import try_to_read
from vlmeter.cell.worker.request import measure_requests
from vlmeter.cell.worker.time_spent import TimeSpent
from vlmeter.cell.worker.windows import Windows
from vlmeter.cell.worker.workload import Workload, prepare_workload
from vlmeter.errors import Sentence
from vlmeter.machine.description import Machine
from vlmeter.measure.clock import Call, Clock, make_clock
from vlmeter.measure.conditions import ConditionsProbe
from vlmeter.measure.energy.meter import EnergyMeter, make_energy_meter
from vlmeter.measure.energy.result import Energy, add_generation
from vlmeter.measure.flops.count import count_decode_step, count_flops
from vlmeter.measure.flops.result import DecodeStep, Flops, FlopsDetail, MissingFlops
from vlmeter.measure.generation import measure_generation
from vlmeter.measure.latency import Timing, measure_latency, plan_latency, plan_rounds
from vlmeter.measure.marks.stopwatch import make_stopwatch
from vlmeter.measure.memory import make_memory_probe
from vlmeter.measure.nvml import Gpu, open_devices
from vlmeter.measure.request.result import MissingRequest, Request
from vlmeter.measure.request.timing import RequestPlan
from vlmeter.measure.result import (
    CacheMemory,
    Generation,
    Latency,
    Memory,
    MissingGeneration,
    MissingMemory,
)
from vlmeter.measure.tensor_peak import measure_peak_made_bytes
from vlmeter.models.compilation import Compilation
from vlmeter.models.result import CompileResult
from vlmeter.models.tracing import expose_matmuls

_REQUEST_SHARE = 0.1
"""Of the time that the other costs took: requests are timed no longer, but for their least rounds.
"""


@dataclass(frozen=True)
class MeasuredCell:
    """What a cell that ended well leaves."""

    figures: Figures
    timings: list[Timing]


def measure_cell(
    job: CellJob, inputs: CellInputs, machine_file: Path, predictions: Path | None
) -> MeasuredCell:
    """Measure one cell.

    Args:
        job: The cell, and how it is measured.
        inputs: Its files.
        machine_file: `machine.json`.
        predictions: The table to write answers to, as they come; without one nothing is answered.
    """
    spent = TimeSpent()
    device = job.cell.axes.device
    machine = describe_own_machine(machine_file, job.measure.energy)
    gpus = open_devices(device)
    memory = make_memory_probe(device, gpus)
    memory.start()
    with spent.on("set_up"):
        workload = prepare_workload(job.cell, inputs, job.measure.batches)
    with spent.on("checks"):
        # The first pass, at which some packages unpack weights or pack them anew.
        checks = workload.check_image_is_seen()
    with spent.on("set_up"):
        # Before anything is measured: what fails here takes no figure with it.
        described = workload.describe_input()
        model = describe_model(workload, inputs.opened_model)
        decoding = describe_decoding(workload)
        provenance = describe_provenance(job, workload, machine, gpus)
    if predictions is not None:
        with spent.on("answers"):
            items = None if job.cost_only else workload.items
            write_predictions(predictions, workload.loaded, workload.feeder, items, job.cell)
    compilation = None
    if (how := job.cell.optimization.compile) is not None:
        compilation = Compilation(workload.loaded.model, how)
        with spent.on("compile"):
            compilation.start(workload.forwards(), make_clock(device))
    memory.begin_workload()
    windows = _make_windows(workload, job, machine, gpus)
    with spent.on("costs"):
        costs = _measure_costs(windows, compilation)
    # A request holds the original images as well, which no other cost is of.
    peaks, reason = try_to_read(lambda: memory.stop(workload.loaded.model))
    with spent.on("checks"):
        # After the peaks are read: it holds a cache that no timed generation holds at its end.
        tokens = job.cell.axes.new_tokens
        cache_bytes, uncounted = try_to_read(lambda: workload.count_cache_bytes(tokens))
    with spent.on("request"):
        budget_s = _REQUEST_SHARE * spent.as_dict()["costs"]
        timed, why = try_to_read(lambda: windows.time_requests(budget_s))
    request, request_times = timed or (MissingRequest(str(why)), [])
    with spent.on("checks"):
        # After all that is timed: torch's profiler leaves CUPTI in the process, and work on a GPU
        # may take 10 to 20 % longer from then on (pytorch/pytorch#144455).
        model = _add_what_ran(workload, model, compilation)
        if peaks is not None and device == "cpu":
            generated = isinstance(costs.generation, Generation)
            peaks = _add_tensors(peaks, workload, compilation, tokens if generated else None)
    with spent.on("flops"):
        flops = _count_flops(workload, job, machine, gpus, costs.latency.latency_s)
    figures = Figures(
        input=described,
        model=model,
        decoding=decoding,
        provenance=provenance,
        latency_detail=costs.latency,
        generation=costs.generation,
        request=request,
        energy_detail=costs.energy,
        compile=costs.compilation,
        conditions=windows.watched.summarise(),
        flops_detail=flops,
        memory=peaks or MissingMemory(str(reason)),
        kv_cache=CacheMemory(cache_bytes, uncounted),
        checks=checks,
        time_spent_s=spent.as_dict(),
    )
    return MeasuredCell(figures, [*costs.timings, *request_times])


def _add_what_ran(
    workload: Workload, model: ModelBlock, compilation: Compilation | None
) -> ModelBlock:
    """Add what the timed passes and generations really ran with.

    Raises:
        UnsupportedError: what was asked for had no effect.
    """
    decode = workload.check_generation()
    with nullcontext() if compilation is None else compilation.resumed():
        forward = workload.check_forward()
    return replace(
        model,
        quantization=decode.quantization,
        cache=decode.cache,
        decode_kernels=decode.decode_kernels,
        kernels=forward.kernels,
        not_as_asked=forward.not_as_asked,
    )


def _add_tensors(
    memory: Memory, workload: Workload, compilation: Compilation | None, new_tokens: int | None
) -> Memory:
    """Add the peak of tensors on the CPU, in passes apart from the timed ones.

    Args:
        memory: The peaks of the process.
        workload: What was timed.
        compilation: How its passes were compiled; generations were not.
        new_tokens: Of the timed generations; None where there were none.
    """

    def compute_peak() -> int:
        with nullcontext() if compilation is None else compilation.resumed():
            made = [measure_peak_made_bytes(workload.forwards()[0])]
        if new_tokens is not None:
            made.append(measure_peak_made_bytes(lambda: workload.generation(new_tokens)))
        return memory.weights_bytes + workload.compute_input_bytes() + max(made)

    peak, _ = try_to_read(compute_peak)
    return replace(memory, peak_allocated_bytes=peak)


@dataclass(frozen=True)
class _Costs:
    latency: Latency
    generation: Generation | MissingGeneration
    energy: Energy
    compilation: CompileResult | None
    timings: list[Timing]


def _measure_costs(windows: "_CellWindows", compilation: Compilation | None) -> _Costs:
    """Run the fixed workload: forward passes, compiled or not, then forced generations."""
    latency, forward_times = windows.time_forwards()
    energy = windows.measure_energy(windows.workload.forwards())
    compiled = None if compilation is None else compilation.stop()
    # Memory that runs out in a generation, or one that ends too early, leaves the forward pass.
    generated, why = try_to_read(windows.measure_generations)
    generation, generation_times, decoding = generated or (MissingGeneration(str(why)), [], None)
    return _Costs(
        latency=latency,
        generation=generation,
        energy=add_generation(energy, decoding, why),
        compilation=compiled,
        timings=[*forward_times, *generation_times],
    )


@dataclass(frozen=True)
class _CellWindows:
    """The windows of a cell, whose workload is fixed."""

    workload: Workload
    job: CellJob
    clock: Clock
    meter: EnergyMeter
    probe: ConditionsProbe
    watched: Windows

    def time_forwards(self) -> tuple[Latency, list[Timing]]:
        """Time forward passes."""
        plan = plan_latency(self.job.measure, self.job.cell.axes.device)
        threads = torch.get_num_threads()
        return self.watched.measure(
            lambda: measure_latency(self.workload.forwards(), self.clock, plan, threads),
            lambda timed: max(plan.window_s, plan.min_iterations * timed[0].latency_s),
        )

    def measure_energy(self, steps: Sequence[Call], tokens_per_batch: int | None = None) -> Energy:
        """Measure the energy of forward passes, or of generations of so many tokens a batch."""
        measure = self.job.measure
        return self.watched.measure(
            lambda: self.meter.measure(
                steps,
                self.clock,
                window_s=measure.energy.window_s,
                samples_per_batch=self.job.cell.axes.batch_size,
                rule=plan_rounds(measure),
                tokens_per_batch=tokens_per_batch,
                watch=self.probe.sample,
            ),
            lambda _: measure.energy.window_s,
        )

    def measure_generations(self) -> tuple[Generation, list[Timing], Energy]:
        """Time generations of forced lengths, then measure their energy."""
        measure, axes = self.job.measure, self.job.cell.axes
        generation, timings = self.watched.measure(
            lambda: measure_generation(
                self.workload.generation,
                self.clock,
                new_tokens=axes.new_tokens,
                batch_size=axes.batch_size,
                rule=plan_rounds(measure),
                window_s=measure.window_s,
            ),
            lambda _: measure.window_s,
        )
        whole = partial(self.workload.generation, axes.new_tokens)
        energy = self.measure_energy([whole], axes.batch_size * axes.new_tokens)
        return generation, timings, energy

    def time_requests(self, budget_s: float) -> tuple[Request | MissingRequest, list[Timing]]:
        """Time whole requests, where the study asks for it."""
        axes, measure = self.job.cell.axes, self.job.measure
        if not measure.request:
            return MissingRequest(Sentence("measure.request is off")), []
        plan = RequestPlan(plan_rounds(measure).most_rounds, budget_s)
        return self.watched.measure(
            lambda: measure_requests(
                self.workload,
                self.clock,
                make_stopwatch(axes.device),
                plan,
                axes.new_tokens,
                gpus=self.job.cell.gpus,
                ranks_options=self.job.cell.task == "multiple_choice",
            ),
            lambda _: budget_s,
        )


def _make_windows(
    workload: Workload, job: CellJob, machine: Machine, gpus: Sequence[Gpu]
) -> _CellWindows:
    device = job.cell.axes.device
    clock, probe = make_clock(device), ConditionsProbe(gpus)
    meter = make_energy_meter(machine.energy, job.measure.energy, device)
    return _CellWindows(workload, job, clock, meter, probe, Windows(probe, clock.now))


def _count_flops(
    workload: Workload,
    job: CellJob,
    machine: Machine,
    gpus: Sequence[Gpu],
    latency_s: float,
) -> FlopsDetail | MissingFlops:
    """Count the work of a pass and of a decode step; a count that fails leaves a reason."""
    loaded, axes = workload.loaded, job.cell.axes
    held = {str(gpu.uuid()) for gpu in gpus}

    def count_pass() -> tuple[Flops, float | None]:
        with expose_matmuls(loaded):
            flops = count_flops(
                loaded.model, workload.cost_batches[0], loaded.family.stage_of, axes.batch_size
            )
        return flops, machine.find_peak(axes.device, axes.dtype, held)

    def count_step() -> DecodeStep:
        with expose_matmuls(loaded):
            return count_decode_step(workload.generate_plainly, loaded.generator)

    counted, reason = try_to_read(count_pass)
    step, step_reason = try_to_read(count_step)
    step = step or DecodeStep(None, step_reason, {})
    if counted is None:
        return MissingFlops(None, str(reason), step.flops, step.reason)
    flops, peak_flop_per_s = counted
    return flops.detail(step, latency_s, peak_flop_per_s)
