"""One cell's forward pass profiled layer by layer. Runs in the cell's child."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlmeter.bench import set_up
from vlmeter.measure.clock import clock_for
from vlmeter.measure.flops import count_flops
from vlmeter.measure.layers import profile_layers
from vlmeter.measure.marks import stopwatch_for


@dataclass(frozen=True)
class Profiled:
    """What a profiled cell leaves."""

    rows: list[dict[str, object]]
    blocks: dict[str, Any]


def profile_cell(job: Mapping[str, Any], inputs: Mapping[str, str]) -> Profiled:
    """Profile one cell; hooks and figures are a pass of their own, apart from latency."""
    device = job["cell"]["axes"]["device"]
    bench = set_up(job, inputs)
    bench.check_image_is_seen()
    model, family = bench.loaded.model, bench.loaded.family
    flops = count_flops(model, bench.cost_batches[0], family.stage_of)
    profile = profile_layers(
        model,
        bench.forwards()[0],
        clock=clock_for(device),
        stopwatch=stopwatch_for(device),
        stage_of=family.stage_of,
        iterations=job["cell"]["iterations"],
        flops_by_module=flops.own_by_module,
    )
    rows = [dict(row._asdict()) for row in profile.rows]
    return Profiled(rows, {**profile.as_dict(), "input": bench.described()})
