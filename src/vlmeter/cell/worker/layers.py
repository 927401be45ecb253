"""One cell profiled layer by layer: a forward pass and a decode step. Runs in the cell's child."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vlmeter.cell.layers_record import LayersFigures
from vlmeter.cell.worker.guarding import value_or_reason
from vlmeter.cell.worker.workload import Bench, set_up
from vlmeter.measure.clock import clock_for
from vlmeter.measure.flops.count import count_flops, mean_decode_step
from vlmeter.measure.flops.result import DecodeStep
from vlmeter.measure.layers.profile import profile_decode, profile_layers
from vlmeter.measure.layers.result import LayerProfile, LayerRow
from vlmeter.measure.layers.stopwatch import stopwatch_for
from vlmeter.models.traceable import countable
from vlmeter.status import UnsupportedError


@dataclass(frozen=True)
class Profiled:
    """What a profiled cell leaves."""

    figures: LayersFigures
    rows: list[LayerRow]
    """Those of the forward pass, then those of a decode step."""


def profile_cell(job: Mapping[str, Any], inputs: Mapping[str, str]) -> Profiled:
    """Profile one cell; hooks and figures are a pass of their own, apart from latency.

    Raises:
        UnsupportedError: the model is spread over several GPUs.
    """
    cell = job["cell"]
    if cell["gpus"] > 1:
        # Each GPU has streams of its own, and no event of one tells the time of another's.
        raise UnsupportedError(
            f"the model is spread over {cell['gpus']} GPUs: the layers of several GPUs cannot be "
            "timed on one clock"
        )
    bench = set_up(job, inputs)
    bench.check_image_is_seen()
    described = bench.describe_input()
    work, flops_reason = value_or_reason(lambda: _work_by_layer(bench))
    forward = _forward(bench, cell, work)
    # A decode step that cannot be profiled leaves the forward pass, which is.
    profile, failed = value_or_reason(lambda: _decode(bench, cell))
    decode, reason = profile or (None, failed)
    rows = [*forward.rows, *(decode.rows if decode else ())]
    figures = LayersFigures(
        **asdict(forward.whole),
        flops_reason=flops_reason,
        decode=None if decode is None else decode.whole,
        decode_reason=reason,
        input=described,
    )
    return Profiled(figures, rows)


def _work_by_layer(bench: Bench) -> dict[str, int]:
    loaded = bench.loaded
    with countable(loaded):
        flops = count_flops(loaded.model, bench.cost_batches[0], loaded.family.stage_of)
    return flops.own_by_module


def _forward(
    bench: Bench, cell: Mapping[str, Any], work: Mapping[str, float] | None
) -> LayerProfile:
    family, device = bench.loaded.family, cell["axes"]["device"]
    return profile_layers(
        bench.loaded.model,
        bench.forwards()[0],
        clock=clock_for(device),
        stopwatch=stopwatch_for(device),
        stage_of=family.stage_of,
        iterations=cell["iterations"],
        flops_by_module=work,
    )


def _decode(bench: Bench, cell: Mapping[str, Any]) -> tuple[LayerProfile | None, str | None]:
    name, decoder = bench.loaded.family.generator, bench.loaded.generator
    device, new_tokens = cell["axes"]["device"], cell["measure"]["new_tokens"]

    def count() -> DecodeStep:
        with countable(bench.loaded):
            return mean_decode_step(
                decoder, cell["axes"]["batch_size"], bench.sequence_length, new_tokens - 1
            )

    step, _ = value_or_reason(count)
    by_module = {} if step is None else step.own_by_module
    flops = {".".join(filter(None, (name, own))): n for own, n in by_module.items()}
    return profile_decode(
        bench.loaded.model,
        bench.generation,
        decoder=decoder,
        new_tokens=new_tokens,
        clock=clock_for(device),
        stopwatch=stopwatch_for(device),
        iterations=cell["iterations"],
        flops_by_module=flops or None,
    )
