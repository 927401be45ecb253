"""One cell profiled layer by layer: a forward pass and a decode step. Runs in the cell's child."""

from collections.abc import Mapping
from dataclasses import dataclass

from vlmeter.cell.job import CellInputs, LayersJob
from vlmeter.cell.layers_record import LayersFigures
from vlmeter.cell.worker.guarding import try_to_read
from vlmeter.cell.worker.workload import Workload, prepare_workload
from vlmeter.measure.clock import make_clock
from vlmeter.measure.flops.count import count_flops, count_mean_decode_step
from vlmeter.measure.flops.result import DecodeStep
from vlmeter.measure.latency import plan_latency
from vlmeter.measure.layers.profile import profile_decode, profile_layers
from vlmeter.measure.layers.result import LayerProfile, LayerRow
from vlmeter.measure.marks.stopwatch import make_stopwatch
from vlmeter.models.tracing import expose_matmuls
from vlmeter.status import UnsupportedError


@dataclass(frozen=True)
class ProfiledCell:
    """What a profiled cell leaves."""

    figures: LayersFigures
    rows: list[LayerRow]
    """Those of the forward pass, then those of a decode step."""


def profile_cell(job: LayersJob, inputs: CellInputs) -> ProfiledCell:
    """Profile one cell; hooks and figures are a pass of their own, apart from latency.

    Raises:
        UnsupportedError: the model is spread over several GPUs.
    """
    if job.cell.gpus > 1:
        # Each GPU has streams of its own, and events of different streams have no common clock.
        raise UnsupportedError(
            f"the model is spread over {job.cell.gpus} GPUs: the layers of several GPUs cannot be "
            "timed on one clock"
        )
    workload = prepare_workload(job.cell, inputs, job.measure.batches)
    workload.check_image_is_seen()
    described = workload.describe_input()
    flops, flops_reason = try_to_read(lambda: _count_by_layer(workload, job.cell.axes.batch_size))
    forward = _profile_forward(workload, job, flops)
    # A decode step that cannot be profiled leaves the forward pass, which is.
    profile, failed = try_to_read(lambda: _profile_decode(workload, job))
    decode, reason = profile or (None, failed)
    figures = LayersFigures(
        **vars(forward.whole),
        flops_reason=flops_reason,
        decode=None if decode is None else decode.whole,
        decode_reason=reason,
        input=described,
    )
    return ProfiledCell(figures, [*forward.rows, *(decode.rows if decode else ())])


def _count_by_layer(workload: Workload, batch_size: int) -> dict[str, int]:
    loaded = workload.loaded
    with expose_matmuls(loaded):
        flops = count_flops(
            loaded.model, workload.cost_batches[0], loaded.family.stage_of, batch_size
        )
    return flops.own_by_module


def _profile_forward(
    workload: Workload, job: LayersJob, flops: Mapping[str, float] | None
) -> LayerProfile:
    device = job.cell.axes.device
    return profile_layers(
        workload.loaded.model,
        workload.forwards()[0],
        clock=make_clock(device),
        stopwatch=make_stopwatch(device),
        warmup=plan_latency(job.measure, device),
        stage_of=workload.loaded.family.stage_of,
        iterations=job.iterations,
        flops_by_module=flops,
    )


def _profile_decode(workload: Workload, job: LayersJob) -> tuple[LayerProfile | None, str | None]:
    name, decoder = workload.loaded.family.generator, workload.loaded.generator
    axes, new_tokens = job.cell.axes, job.cell.axes.new_tokens

    def count() -> DecodeStep:
        with expose_matmuls(workload.loaded):
            return count_mean_decode_step(workload.generate_plainly, decoder, new_tokens - 1)

    step, _ = try_to_read(count)
    by_module = {} if step is None else step.own_by_module
    flops = {".".join(filter(None, (name, own))): count for own, count in by_module.items()}
    return profile_decode(
        workload.loaded.model,
        workload.generation,
        decoder=decoder,
        new_tokens=new_tokens,
        clock=make_clock(axes.device),
        stopwatch=make_stopwatch(axes.device),
        warmup=plan_latency(job.measure, axes.device),
        iterations=job.iterations,
        flops_by_module=flops or None,
    )
