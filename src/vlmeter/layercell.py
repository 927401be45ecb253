"""One cell profiled layer by layer: a forward pass and a decode step. Runs in the cell's child."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.bench import Bench, set_up
from vlmeter.measure.clock import clock_for
from vlmeter.measure.flops import count_flops, mean_decode_step
from vlmeter.measure.layers import LayerProfile, profile_decode, profile_layers
from vlmeter.measure.marks import stopwatch_for
from vlmeter.models.countable import countable


@dataclass(frozen=True)
class Profiled:
    """What a profiled cell leaves."""

    rows: list[dict[str, object]]
    """Those of the forward pass, then those of a decode step."""
    blocks: dict[str, Any]


def profile_cell(job: Mapping[str, Any], inputs: Mapping[str, str]) -> Profiled:
    """Profile one cell; hooks and figures are a pass of their own, apart from latency."""
    cell = job["cell"]
    bench = set_up(job, inputs)
    bench.check_image_is_seen()
    forward = _forward(bench, cell)
    decode, reason = _decode(bench, cell)
    rows = [*forward.rows, *(decode.rows if decode else ())]
    blocks = {
        **forward.as_dict(),
        "decode": None if decode is None else decode.as_dict(),
        "decode_reason": reason,
        "input": bench.described(),
    }
    return Profiled([dict(row._asdict()) for row in rows], blocks)


def _forward(bench: Bench, cell: Mapping[str, Any]) -> LayerProfile:
    model, family = bench.loaded.model, bench.loaded.family
    device = cell["axes"]["device"]
    with countable(bench.loaded):
        flops = count_flops(model, bench.cost_batches[0], family.stage_of)
    return profile_layers(
        model,
        bench.forwards()[0],
        clock=clock_for(device),
        stopwatch=stopwatch_for(device),
        stage_of=family.stage_of,
        iterations=cell["iterations"],
        flops_by_module=flops.own_by_module,
    )


def _decode(bench: Bench, cell: Mapping[str, Any]) -> tuple[LayerProfile | None, str | None]:
    name, decoder = bench.loaded.family.generator, bench.loaded.generator
    device, new_tokens = cell["axes"]["device"], cell["measure"]["new_tokens"]
    with countable(bench.loaded):
        step = mean_decode_step(
            decoder, cell["axes"]["batch_size"], bench.sequence_length, new_tokens - 1
        )
    flops = {".".join(filter(None, (name, own))): n for own, n in step.own_by_module.items()}
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
