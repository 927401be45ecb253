"""Where the time of a forward pass goes: disjoint rows per layer that add up to the whole.

Hooks mark the begin and the end of every layer, on the host's clock for a CPU and with CUDA events
for a GPU, with one synchronise after the last pass. A row's time is the layer's own: what it takes
less what the layers inside it take. The rest of the whole, which is residual additions, masks,
reshapes and the Python in between, is the row `(other)`.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import nn

from vlmeter.measure.clock import Call, Clock, quiet_interpreter
from vlmeter.measure.kinds import OTHER, is_layer, kind_of
from vlmeter.measure.marks import (
    WHOLE,
    Mark,
    OwnTime,
    PassTimes,
    Recorder,
    Stopwatch,
    own_times_of,
    pass_seconds,
)

OTHER_MODULE = "(other)"

DECODE = "decode"


class LayerRow(NamedTuple):
    """One layer's own part of the whole."""

    module: str
    """Dotted name, or `(other)`."""
    kind: str
    stage: str
    """Empty where the module belongs to no stage."""
    calls: int
    """Per pass."""
    time_ms: float
    """Own time per pass, scaled to the pass without hooks."""
    share: float
    """Of the whole pass."""
    flops: int | None
    """Of all calls of a pass, 2 per multiply-add; None where no count was given."""
    parameters: int
    """Its own; tied weights stand in every row that uses them."""


@dataclass(frozen=True)
class LayerProfile:
    """The layers of one pass."""

    rows: list[LayerRow] = field(repr=False)
    """In the model's order, `(other)` last; their times add up to `total_ms`."""
    total_ms: float
    """The whole pass: the unhooked median, to which the rows are scaled."""
    unhooked_ms: float
    """Median time of a pass without hooks, half of them timed before and half after."""
    hooked_ms: float
    """Time of a pass with hooks, mean over the kept passes."""
    overhead_share: float
    """How much longer the hooks make a pass. It falls mostly on modules with many short layers
    inside, so own times of attention are rather too high than too low."""
    other_ms: float
    iterations: int
    kept_iterations: int
    """The rows are means over the hooked passes nearest to the median one."""

    def as_dict(self) -> dict[str, object]:
        """Everything but the rows."""
        return {name: value for name, value in vars(self).items() if name != "rows"}


def profile_layers(
    model: nn.Module,
    run: Call,
    *,
    clock: Clock,
    stopwatch: Stopwatch,
    stage_of: Callable[[str], str | None],
    iterations: int = 10,
    flops_by_module: Mapping[str, int] | None = None,
    decoder: nn.Module | None = None,
) -> LayerProfile:
    """Profile the layers of a pass.

    Args:
        model: The model whose layers are marked; not a compiled one.
        run: One pass: a forward, or a generation.
        clock: Times the passes without hooks.
        stopwatch: Marks the layers; `marks.stopwatch_for` gives the device's.
        stage_of: The stage of a module by its dotted name.
        iterations: Passes with hooks, and as many without.
        flops_by_module: `Flops.own_by_module` of the same pass.
        decoder: For a generation: the language model inside. Every call of it after the first in
            a pass is a decode step, whose layers get rows of their own.

    Returns:
        The rows and how the pass with hooks compares with the one without. The hooks are gone
        when it returns, also after an exception.
    """
    layers = [(name, module) for name, module in model.named_modules() if is_layer(module)]
    with quiet_interpreter():
        clock.time_calls([run])
        unhooked = clock.time_calls([run] * math.ceil(iterations / 2))
        modules = [module for _, module in layers]
        passes = _marked_passes(modules, decoder, run, stopwatch, iterations)
        unhooked += clock.time_calls([run] * max(1, iterations // 2))
    kept = central_half([own_times_of(marks, stopwatch) for marks in passes])
    unhooked_s = statistics.median(unhooked)
    hooked_s = statistics.fmean(pass_seconds(own) for own in kept)
    rows = _rows(model, dict(layers), _mean(kept), stage_of, flops_by_module)
    scaled = [_scaled(row, 1e3 * unhooked_s, hooked_s) for row in rows]
    return LayerProfile(
        rows=scaled,
        total_ms=1e3 * unhooked_s,
        unhooked_ms=1e3 * unhooked_s,
        hooked_ms=1e3 * hooked_s,
        overhead_share=hooked_s / unhooked_s - 1.0,
        other_ms=scaled[-1].time_ms,
        iterations=iterations,
        kept_iterations=len(kept),
    )


def _marked_passes(
    layers: Sequence[nn.Module],
    decoder: nn.Module | None,
    run: Call,
    stopwatch: Stopwatch,
    iterations: int,
) -> list[list[Mark]]:
    recorder = Recorder(stopwatch)
    passes = []
    with recorder.hooked(layers, decoder):
        for _ in range(iterations + 1):
            passes.append(recorder.run(run))
    stopwatch.finish()
    return passes[1:]


def central_half(passes: Sequence[PassTimes]) -> list[PassTimes]:
    """The half of the passes (at least one) whose whole times are nearest to the median.

    Means over whole passes keep the sum of the rows equal to the whole, which medians per row do
    not; leaving out the outer passes keeps a disturbed one from moving them.
    """
    median = statistics.median(pass_seconds(own) for own in passes)
    nearest = sorted(passes, key=lambda own: abs(pass_seconds(own) - median))
    return nearest[: math.ceil(len(passes) / 2)]


def _mean(passes: Sequence[PassTimes]) -> PassTimes:
    keys = sorted({key for own in passes for key in own})
    never = OwnTime(0, 0.0)
    return {
        key: OwnTime(
            round(statistics.fmean(own.get(key, never).calls for own in passes)),
            statistics.fmean(own.get(key, never).seconds for own in passes),
        )
        for key in keys
    }


def _rows(
    model: nn.Module,
    layers: Mapping[str, nn.Module],
    own_times: PassTimes,
    stage_of: Callable[[str], str | None],
    flops_by_module: Mapping[str, int] | None,
) -> list[LayerRow]:
    """The rows with `time_ms` still in seconds with hooks, and no shares yet."""
    names = list(layers)
    rows = []
    for (index, decoding), own in own_times.items():
        if index == WHOLE:
            continue
        name, module = names[index], layers[names[index]]
        rows.append(
            LayerRow(
                module=name,
                kind=kind_of(module),
                stage=DECODE if decoding else stage_of(name) or "",
                calls=own.calls,
                time_ms=own.seconds,
                share=0.0,
                flops=None if decoding or flops_by_module is None else flops_by_module[name],
                parameters=sum(weight.numel() for weight in module.parameters(recurse=False)),
            )
        )
    return [*rows, _other_row(model, layers, own_times, rows, flops_by_module)]


def _other_row(
    model: nn.Module,
    layers: Mapping[str, nn.Module],
    own_times: PassTimes,
    rows: Sequence[LayerRow],
    flops_by_module: Mapping[str, int] | None,
) -> LayerRow:
    seen = {id(weight) for row in rows for weight in layers[row.module].parameters(recurse=False)}
    flops = None
    if flops_by_module is not None:
        flops = sum(flops_by_module.values()) - sum(row.flops or 0 for row in rows)
    return LayerRow(
        module=OTHER_MODULE,
        kind=OTHER,
        stage="",
        calls=1,
        time_ms=math.fsum(own.seconds for (index, _), own in own_times.items() if index == WHOLE),
        share=0.0,
        flops=flops,
        parameters=sum(weight.numel() for weight in model.parameters() if id(weight) not in seen),
    )


def _scaled(row: LayerRow, whole_ms: float, hooked_s: float) -> LayerRow:
    share = row.time_ms / hooked_s
    return row._replace(time_ms=share * whole_ms, share=share)
