"""Where the time of a forward pass goes: disjoint rows per layer that add up to the whole.

Hooks mark the begin and the end of every layer, on the host's clock for a CPU and with CUDA events
for a GPU, with one synchronise after the last pass. A row's time is the layer's own: what it takes
less what the layers inside it take. The rest of a stage, which is residual additions, masks,
reshapes and the Python in between, is the row `(other)` of that stage.

Hooks cost the host time. Where it is the slower one, a pass is longer by all of that; where the
device is, by nothing. So passes with marks at the stages' boundaries alone say how long each stage
takes, and the rows of a stage are scaled to that. Decode steps are profiled apart from the forward
pass: they read every weight for a single token and so spend their time otherwise.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import repeat

from torch import nn

from vlmeter.errors import Sentence
from vlmeter.measure.clock import Call, Clock, pause_garbage_collection
from vlmeter.measure.generation import compute_time_per_output_token
from vlmeter.measure.latency import LatencyPlan, warm_up
from vlmeter.measure.layers.kinds import is_layer
from vlmeter.measure.layers.result import OTHER_MODULE, LayerProfile
from vlmeter.measure.layers.rows import PassTimes, Place, Work, build_profile
from vlmeter.measure.marks.stage_marks import (
    NO_STAGE,
    find_stage_modules,
    mark_calls,
    mark_decode_steps,
)
from vlmeter.measure.marks.stopwatch import Stopwatch
from vlmeter.measure.marks.timeline import Mark, OwnTime, Timeline, compute_own_times

DECODE = "decode"
_REST = Place(NO_STAGE, OTHER_MODULE)
_REST_OF_STEP = Place(DECODE, OTHER_MODULE)


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
        stage_of: The stage of a module or parameter by its dotted name.
        iterations: Passes with hooks, as many without, and as many with marks at the stages alone.
        flops_by_module: `Flops.own_by_module` of the same pass.

    Returns:
        The rows and how the pass with hooks compares with the one without. The hooks are gone
        when it returns, also after an exception.
    """

    def get_stage(name: str) -> str:
        return stage_of(name) or NO_STAGE

    layers, timeline = _list_layers(model), Timeline(stopwatch, _REST)
    stages = {
        module: Place(stage, OTHER_MODULE)
        for module, stage in find_stage_modules(model, get_stage, run).items()
    }
    with pause_garbage_collection():
        # What came before, a count for instance, may have let the device rest.
        warm_up(repeat(run), clock, warmup)
        unhooked = clock.time_calls([run] * math.ceil(iterations / 2))
        with mark_calls(timeline, stages):
            staged = _record(timeline, run, iterations) if stages else []
            with mark_calls(timeline, _list_places(layers, get_stage)):
                hooked = _record(timeline, run, iterations)
        stopwatch.finish()
        unhooked += clock.time_calls([run] * max(1, iterations // 2))
    work = Work(layers, get_stage, flops_by_module, dict(model.named_parameters()))
    staged_s, hooked_s = (
        [compute_own_times(marks, stopwatch) for marks in passes] for passes in (staged, hooked)
    )
    return build_profile(work, hooked_s, staged_s, statistics.median(unhooked))


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
    layers, timeline = _list_layers(model), Timeline(stopwatch, _REST)
    lengths = [partial(generate, 1), partial(generate, new_tokens)]

    def generate_in_steps() -> None:
        # Its steps are counted anew in each generation.
        with mark_decode_steps(timeline, decoder, _REST, _REST_OF_STEP):
            lengths[-1]()

    with pause_garbage_collection():
        warm_up(repeat(lengths[-1]), clock, warmup)
        clock.time_calls(lengths)
        pairs = [clock.time_calls(lengths) for _ in range(math.ceil(iterations / 2))]
        with mark_calls(timeline, _list_places(layers, _get_decode)):
            passes = _record(timeline, generate_in_steps, iterations)
        stopwatch.finish()
        pairs += [clock.time_calls(lengths) for _ in range(max(1, iterations // 2))]
    first_s, whole_s = (statistics.median(times) for times in zip(*pairs, strict=True))
    step_s, reason = compute_time_per_output_token(first_s, whole_s, new_tokens)
    if step_s is None:
        return None, reason
    own = [_compute_step(marks, stopwatch, new_tokens - 1) for marks in passes]
    if not all(own):
        return None, Sentence("the language model was not called once for each token")
    work = Work(layers, _get_decode, flops_by_module, dict(decoder.named_parameters()))
    return build_profile(work, own, [], step_s), None


def _get_decode(_: str) -> str:
    return DECODE


def _list_layers(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if is_layer(module)}


def _list_places(
    layers: Mapping[str, nn.Module], get_stage: Callable[[str], str]
) -> dict[nn.Module, Place]:
    return {module: Place(get_stage(name), name) for name, module in layers.items()}


def _record(timeline: Timeline[Place], run: Call, iterations: int) -> list[list[Mark[Place]]]:
    """Return the marks of so many passes, after one that is thrown away."""
    return [timeline.record(run) for _ in range(iterations + 1)][1:]


def _compute_step(marks: Sequence[Mark[Place]], stopwatch: Stopwatch, steps: int) -> PassTimes:
    """Return the own times of the mean decode step of a generation; none where it has no step."""
    parts = [mark.part for mark in marks]
    if _REST_OF_STEP not in parts:
        return {}
    own_times = compute_own_times(marks[parts.index(_REST_OF_STEP) :], stopwatch)
    return {
        place: OwnTime(round(own.calls / steps), own.seconds / steps)
        for place, own in own_times.items()
    }
