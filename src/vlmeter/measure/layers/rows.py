"""The rows of a layer profile, from the own times of passes with hooks and with few marks."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import nn

from vlmeter.errors import Sentence
from vlmeter.measure.layers.kinds import OTHER, find_kind
from vlmeter.measure.layers.result import (
    OTHER_MODULE,
    LayerProfile,
    LayerRow,
    ProfiledPass,
    ProfiledStage,
)
from vlmeter.measure.marks.stage_marks import NO_STAGE
from vlmeter.measure.marks.timeline import OwnTime, sum_seconds


class Place(NamedTuple):
    """What a row is of."""

    stage: str
    module: str
    """Dotted name of a layer, or `OTHER_MODULE`."""


PassTimes = Mapping[Place, OwnTime]
"""Own times of one pass, or of a mean decode step, in the order in which they come to work."""


class Work(NamedTuple):
    """What the layers are, apart from their times."""

    layers: Mapping[str, nn.Module]
    get_stage: Callable[[str], str]
    """The stage of a module or parameter by its dotted name."""
    flops_by_module: Mapping[str, float] | None
    weights: Mapping[str, nn.Parameter]
    """All that are used: those of no layer belong to `(other)`."""


def build_profile(
    work: Work, hooked: Sequence[PassTimes], staged: Sequence[PassTimes], unhooked_s: float
) -> LayerProfile:
    """Return a profile whose rows add up to a pass without hooks, and by stage to its stages.

    Args:
        work: What the layers are.
        hooked: The passes with hooks.
        staged: Those with marks at the stages' boundaries alone; none where there is one stage.
        unhooked_s: Time of a pass without hooks.
    """
    kept = choose_central_half(hooked)
    own_times, own_staged = _average(kept), _average(choose_central_half(staged))
    hooked_s = _sum_by_stage(own_times)
    stages_s, reason = _compute_stages(hooked_s, _sum_by_stage(own_staged), unhooked_s)
    ratios = {stage: stages_s[stage] / own_s if own_s else 0.0 for stage, own_s in hooked_s.items()}
    rows = [
        row._replace(time_ms=1e3 * own_s, share=own_s / unhooked_s)
        for row in _list_rows(work, own_times)
        for own_s in [ratios[row.stage] * own_times[Place(row.stage, row.module)].seconds]
    ]
    whole_s = sum_seconds(own_times)
    whole = ProfiledPass(
        total_ms=1e3 * unhooked_s,
        unhooked_ms=1e3 * unhooked_s,
        hooked_ms=1e3 * whole_s,
        overhead_share=whole_s / unhooked_s - 1.0,
        staged_ms=1e3 * sum_seconds(own_staged) if staged else None,
        other_ms=math.fsum(row.time_ms for row in rows if row.module == OTHER_MODULE),
        stages=[
            ProfiledStage(stage, 1e3 * stages_s[stage], 1e3 * own_s)
            for stage, own_s in hooked_s.items()
        ],
        stages_reason=reason,
        iterations=len(hooked),
        kept_iterations=len(kept),
    )
    return LayerProfile(whole, rows)


def choose_central_half(passes: Sequence[PassTimes]) -> list[PassTimes]:
    """Return the half of the passes (at least one) whose whole times are nearest to the median.

    Means over whole passes keep the sum of the rows equal to the whole, which medians per row do
    not; leaving out the outer passes keeps a disturbed one from moving them.
    """
    if not passes:
        return []
    median = statistics.median(sum_seconds(own) for own in passes)
    nearest = sorted(passes, key=lambda own: abs(sum_seconds(own) - median))
    return nearest[: math.ceil(len(passes) / 2)]


def _average(passes: Sequence[PassTimes]) -> PassTimes:
    never = OwnTime(0, 0.0)
    return {
        place: OwnTime(
            round(statistics.fmean(own.get(place, never).calls for own in passes)),
            statistics.fmean(own.get(place, never).seconds for own in passes),
        )
        for place in dict.fromkeys(place for own in passes for place in own)
    }


def _sum_by_stage(own_times: PassTimes) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for place, own in own_times.items():
        sums[place.stage] += own.seconds
    return dict(sums)


def _compute_stages(
    hooked_s: Mapping[str, float], staged_s: Mapping[str, float], unhooked_s: float
) -> tuple[dict[str, float], str | None]:
    """Return how long each stage takes without hooks, and why it is a guess, if it is.

    Args:
        hooked_s: Time of each stage in a pass with hooks.
        staged_s: The same with marks at the stages' boundaries alone; empty where there is one.
        unhooked_s: Time of a pass without hooks.
    """
    reason = None
    lost = [
        stage or "the rest"
        for stage in {**hooked_s, **staged_s}
        if (hooked_s.get(stage, 0.0) > 0) != (staged_s.get(stage, 0.0) > 0)
    ]
    if set(hooked_s) == {NO_STAGE}:
        reason = Sentence("no module of a stage was called: all rows are scaled alike")
    elif staged_s and lost:
        reason = Sentence(
            f"{', '.join(lost)} took time in passes of one kind alone, with hooks or with marks at "
            "the stages' boundaries: all rows are scaled alike"
        )
    parts_s = hooked_s if reason or not staged_s else staged_s
    whole_s = math.fsum(parts_s.values())
    return {stage: unhooked_s * parts_s.get(stage, 0.0) / whole_s for stage in hooked_s}, reason


def _list_rows(work: Work, own_times: PassTimes) -> list[LayerRow]:
    """Return the rows in their order, without times and shares."""
    flops, rows = work.flops_by_module, []
    for name, module in work.layers.items():
        place = Place(work.get_stage(name), name)
        if place in own_times:
            rows.append(
                LayerRow(
                    module=name,
                    kind=find_kind(module),
                    stage=place.stage,
                    calls=own_times[place].calls,
                    time_ms=0.0,
                    share=0.0,
                    flops=None if flops is None else flops.get(name, 0),
                    parameters=sum(weight.numel() for weight in module.parameters(recurse=False)),
                )
            )
    return [*rows, *_list_other_rows(work, own_times, rows)]


def _list_other_rows(
    work: Work, own_times: PassTimes, rows: Sequence[LayerRow]
) -> Iterator[LayerRow]:
    """Return the rows of what no layer accounts for, the one of no stage last."""
    stages = [place.stage for place in own_times if place.module == OTHER_MODULE]
    seen = {
        id(weight) for row in rows for weight in work.layers[row.module].parameters(recurse=False)
    }
    parameters: dict[str, int] = defaultdict(int)
    for name, weight in work.weights.items():
        if id(weight) not in seen:
            parameters[_find_other(work.get_stage(name), stages)] += weight.numel()
    shown = {row.module for row in rows}
    flops: dict[str, float] = defaultdict(int)
    for name, count in (work.flops_by_module or {}).items():
        if name not in shown:
            flops[_find_other(work.get_stage(name), stages)] += count
    for stage in sorted(stages, key=NO_STAGE.__eq__):
        yield LayerRow(
            module=OTHER_MODULE,
            kind=OTHER,
            stage=stage,
            calls=1,
            time_ms=0.0,
            share=0.0,
            flops=None if work.flops_by_module is None else flops[stage],
            parameters=parameters[stage],
        )


def _find_other(stage: str, stages: Sequence[str]) -> str:
    """Return the stage of the row `(other)` that counts what is of a stage that may never run."""
    return stage if stage in stages else NO_STAGE
