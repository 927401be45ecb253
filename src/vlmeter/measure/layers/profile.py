"""Where the time of a forward pass goes: disjoint rows per layer that add up to the whole.

Hooks mark the begin and the end of every layer, on the host's clock for a CPU and with CUDA events
for a GPU, with one synchronise after the last pass. A row's time is the layer's own: what it takes
less what the layers inside it take. The rest of the whole, which is residual additions, masks,
reshapes and the Python in between, is the row `(other)`. Decode steps are profiled apart from the
forward pass: they read every weight for a single token and so spend their time otherwise.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import NamedTuple

from torch import nn

from vlmeter.errors import Sentence
from vlmeter.measure.clock import Call, Clock, pause_garbage_collection
from vlmeter.measure.generation import compute_time_per_output_token
from vlmeter.measure.latency import LatencyPlan, warm_up
from vlmeter.measure.layers.kinds import OTHER, find_kind, is_layer
from vlmeter.measure.layers.result import LayerProfile, LayerRow, ProfiledPass
from vlmeter.measure.layers.stopwatch import (
    WHOLE,
    Mark,
    OwnTime,
    PassTimes,
    Recorder,
    Stopwatch,
    compute_own_times,
    sum_pass_seconds,
)

OTHER_MODULE = "(other)"

DECODE = "decode"


def profile_layers(
    model: nn.Module,
    run: Call,
    *,
    clock: Clock,
    stopwatch: Stopwatch,
    warmup: LatencyPlan,
    stage_of: Callable[[str], str | None],
    iterations: int = 10,
    flops_by_module: Mapping[str, float] | None = None,
) -> LayerProfile:
    """Profile the layers of a forward pass.

    Args:
        model: The model whose layers are marked; not a compiled one.
        run: One forward pass.
        clock: Times the passes without hooks.
        stopwatch: Marks the layers; `make_stopwatch` gives the device's.
        warmup: The rule of the warm-up; the window is not of it.
        stage_of: The stage of a module by its dotted name.
        iterations: Passes with hooks, and as many without.
        flops_by_module: `Flops.own_by_module` of the same pass.

    Returns:
        The rows and how the pass with hooks compares with the one without. The hooks are gone
        when it returns, also after an exception.
    """
    layers = _layers(model)
    with pause_garbage_collection():
        # What came before, a count for instance, may have let the device rest.
        warm_up(repeat(run), clock, warmup)
        unhooked = clock.time_calls([run] * math.ceil(iterations / 2))
        passes = _marked_passes(list(layers.values()), None, run, stopwatch, iterations)
        unhooked += clock.time_calls([run] * max(1, iterations // 2))
    own = [compute_own_times(marks, stopwatch) for marks in passes]
    work = _Work(layers, stage_of, flops_by_module, list(model.parameters()), "")
    return _profile(work, own, statistics.median(unhooked))


def profile_decode(
    model: nn.Module,
    generate: Callable[[int], object],
    *,
    decoder: nn.Module,
    new_tokens: int,
    clock: Clock,
    stopwatch: Stopwatch,
    warmup: LatencyPlan,
    iterations: int = 10,
    flops_by_module: Mapping[str, float] | None = None,
) -> tuple[LayerProfile | None, str | None]:
    """Profile the layers of a decode step: a mean over the steps of a generation.

    Args:
        model: As in `profile_layers`.
        generate: Generates exactly as many tokens as it is given, for one full batch.
        decoder: The language model inside. Its first call in a generation is the prefill, every
            further one a decode step.
        new_tokens: Length of a generation, at least 2.
        clock: As in `profile_layers`.
        stopwatch: As in `profile_layers`.
        warmup: As in `profile_layers`.
        iterations: Generations with hooks, and as many without.
        flops_by_module: Operations of a mean step, exclusive of submodules, by dotted name.

    Returns:
        The profile and None, or None and why there is none.
    """
    layers = _layers(model)
    lengths = [partial(generate, 1), partial(generate, new_tokens)]
    with pause_garbage_collection():
        warm_up(repeat(lengths[-1]), clock, warmup)
        clock.time_calls(lengths)
        pairs = [clock.time_calls(lengths) for _ in range(math.ceil(iterations / 2))]
        passes = _marked_passes(list(layers.values()), decoder, lengths[-1], stopwatch, iterations)
        pairs += [clock.time_calls(lengths) for _ in range(max(1, iterations // 2))]
    first_s, whole_s = (statistics.median(times) for times in zip(*pairs, strict=True))
    step_s, reason = compute_time_per_output_token(first_s, whole_s, new_tokens)
    if step_s is None:
        return None, reason
    own = [
        _per_step(compute_own_times(marks, stopwatch, decoding=True), new_tokens - 1)
        for marks in passes
    ]
    if not all(own):
        return None, Sentence("the language model was not called once for each token")
    weights = list(decoder.parameters())
    work = _Work(layers, lambda _: DECODE, flops_by_module, weights, DECODE)
    return _profile(work, own, step_s), None


class _Work(NamedTuple):
    """What the layers are, apart from their times."""

    layers: Mapping[str, nn.Module]
    stage_of: Callable[[str], str | None]
    flops_by_module: Mapping[str, float] | None
    weights: Sequence[nn.Parameter]
    """All that are used: those of no layer belong to `(other)`."""
    stage_of_other: str


def _layers(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if is_layer(module)}


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


def _per_step(own: PassTimes, steps: int) -> PassTimes:
    return {
        layer: OwnTime(round(time.calls / steps), time.seconds / steps)
        for layer, time in own.items()
    }


def _profile(work: _Work, passes: Sequence[PassTimes], unhooked_s: float) -> LayerProfile:
    kept = choose_central_half(passes)
    hooked_s = statistics.fmean(sum_pass_seconds(own) for own in kept)
    rows = [_scaled(row, 1e3 * unhooked_s, hooked_s) for row in _rows(work, _mean(kept))]
    whole = ProfiledPass(
        total_ms=1e3 * unhooked_s,
        unhooked_ms=1e3 * unhooked_s,
        hooked_ms=1e3 * hooked_s,
        overhead_share=hooked_s / unhooked_s - 1.0,
        other_ms=rows[-1].time_ms,
        iterations=len(passes),
        kept_iterations=len(kept),
    )
    return LayerProfile(whole, rows)


def choose_central_half(passes: Sequence[PassTimes]) -> list[PassTimes]:
    """Return the half of the passes (at least one) whose whole times are nearest to the median.

    Means over whole passes keep the sum of the rows equal to the whole, which medians per row do
    not; leaving out the outer passes keeps a disturbed one from moving them.
    """
    median = statistics.median(sum_pass_seconds(own) for own in passes)
    nearest = sorted(passes, key=lambda own: abs(sum_pass_seconds(own) - median))
    return nearest[: math.ceil(len(passes) / 2)]


def _mean(passes: Sequence[PassTimes]) -> PassTimes:
    never = OwnTime(0, 0.0)
    return {
        layer: OwnTime(
            round(statistics.fmean(own.get(layer, never).calls for own in passes)),
            statistics.fmean(own.get(layer, never).seconds for own in passes),
        )
        for layer in sorted({layer for own in passes for layer in own})
    }


def _rows(work: _Work, own_times: PassTimes) -> list[LayerRow]:
    """Return the rows with `time_ms` still in seconds with hooks, and no shares yet."""
    names = list(work.layers)
    rows = []
    for index, own in own_times.items():
        if index == WHOLE:
            continue
        name, module = names[index], work.layers[names[index]]
        flops = work.flops_by_module
        rows.append(
            LayerRow(
                module=name,
                kind=find_kind(module),
                stage=work.stage_of(name) or "",
                calls=own.calls,
                time_ms=own.seconds,
                share=0.0,
                flops=None if flops is None else flops.get(name, 0),
                parameters=sum(weight.numel() for weight in module.parameters(recurse=False)),
            )
        )
    return [*rows, _other_row(work, own_times, rows)]


def _other_row(work: _Work, own_times: PassTimes, rows: Sequence[LayerRow]) -> LayerRow:
    shown = [work.layers[row.module] for row in rows]
    seen = {id(weight) for layer in shown for weight in layer.parameters(recurse=False)}
    flops = None
    if work.flops_by_module is not None:
        flops = sum(work.flops_by_module.values()) - sum(row.flops or 0 for row in rows)
    return LayerRow(
        module=OTHER_MODULE,
        kind=OTHER,
        stage=work.stage_of_other,
        calls=1,
        time_ms=own_times[WHOLE].seconds,
        share=0.0,
        flops=flops,
        parameters=sum(weight.numel() for weight in work.weights if id(weight) not in seen),
    )


def _scaled(row: LayerRow, whole_ms: float, hooked_s: float) -> LayerRow:
    share = row.time_ms / hooked_s
    return row._replace(time_ms=share * whole_ms, share=share)
