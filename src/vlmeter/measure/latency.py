"""The time of one forward pass: warmed up until steady, in rounds, every time kept."""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import NamedTuple

from vlmeter.measure.clock import Call, Clock, pause_garbage_collection
from vlmeter.measure.nvml import is_gpu
from vlmeter.measure.result import Latency, WindowEnd
from vlmeter.measure.settings import MeasureSettings
from vlmeter.measure.spread import compute_interval_95, compute_quantile
from vlmeter.measure.stopping import StoppingRule, aim_at, fix_rounds, run_rounds

_MAX_CHUNK = 1000
_FIVE_ROUNDS = fix_rounds(5)
_STEADY_WITHIN = 0.05
"""Of the smaller of two times, by which they may differ."""
_GPU_WARMUP_S = 1.0
"""A GPU takes 0.1 to 1 s to leave its idle clock."""


class Timing(NamedTuple):
    """One raw time, a row of `timings.parquet`."""

    kind: str
    """`forward`, `generate_first`, `generate_all`, `request` or `request_<part>`."""
    round: int
    iteration: int
    """Counts from 0 within its kind, over all rounds."""
    seconds: float


@dataclass(frozen=True)
class LatencyPlan:
    """How long to warm up and how long to measure."""

    window_s: float = 10.0
    """The timed calls of all rounds together take at least this long ..."""
    min_iterations: int = 10
    """... and are at least this many, unless the window ends earlier."""
    rule: StoppingRule = _FIVE_ROUNDS
    """Rounds that the window is divided into, and when it ends; their spread gives the interval."""
    min_warmup_s: float = 0.0
    """The warm-up lasts at least this long, steady or not; see `find_least_warmup_s`."""
    max_warmup_s: float = 60.0
    """The warm-up ends after this time even if it is not steady by then."""
    warmup_group: int = 3
    """Calls in a group of the warm-up."""


def find_least_warmup_s(device: str) -> float:
    """Return how long work on a device, such as `cpu` or `cuda:0`, is warmed up at least."""
    return _GPU_WARMUP_S if is_gpu(device) else 0.0


def plan_rounds(measure: MeasureSettings) -> StoppingRule:
    """Return when a window ends: after given rounds, or else when its interval is narrow enough."""
    if measure.repeats is not None:
        return fix_rounds(measure.repeats)
    return aim_at(measure.target_interval)


def plan_latency(measure: MeasureSettings, device: str) -> LatencyPlan:
    """Return the plan of a cell on a device."""
    return LatencyPlan(
        window_s=measure.window_s,
        min_iterations=measure.min_iterations,
        rule=plan_rounds(measure),
        min_warmup_s=find_least_warmup_s(device),
        max_warmup_s=measure.max_warmup_s,
    )


@dataclass(frozen=True)
class Warmup:
    """What came before the timed window."""

    iterations: int
    steady: bool
    """Whether it ended because the times had settled, and not at its cap."""
    per_call_s: float
    """Median of the last group, the first estimate of a call's time."""


def measure_latency(
    steps: Sequence[Call], clock: Clock, plan: LatencyPlan, threads: int | None = None
) -> tuple[Latency, list[Timing]]:
    """Time the steps, cycled, after a warm-up.

    Args:
        steps: One call per distinct prepared batch, all of one shape.
        clock: The clock of the device that the steps work on.
        plan: The warm-up rule and the window.
        threads: Recorded with the figure.

    Returns:
        The statistics, and every timed iteration.
    """
    calls = cycle(steps)
    with pause_garbage_collection():
        warmup = warm_up(calls, clock, plan)
        rounds, end = _time_rounds(calls, clock, plan, warmup.per_call_s)
    return _summarise(rounds, end, warmup, clock.name, threads), number_timings("forward", rounds)


def warm_up(calls: Iterator[Call], clock: Clock, plan: LatencyPlan) -> Warmup:
    """Run calls until the medians of two successive groups agree after the least time, or it is up.

    The very first call stands apart from the groups: it allocates and chooses kernels.
    """
    start = clock.now()
    clock.time_calls([next(calls)])
    iterations, previous = 1, math.inf
    while True:
        median = statistics.median(clock.time_calls(list(islice(calls, plan.warmup_group))))
        iterations += plan.warmup_group
        lasted_s = clock.now() - start
        steady = are_steady(previous, median) and lasted_s >= plan.min_warmup_s
        if steady or lasted_s >= plan.max_warmup_s:
            return Warmup(iterations, steady, median)
        previous = median


def are_steady(previous_s: float, seconds: float) -> bool:
    """Say whether a time agrees with the one before it, so that a warm-up may end."""
    return abs(seconds - previous_s) <= _STEADY_WITHIN * min(seconds, previous_s)


def _time_rounds(
    calls: Iterator[Call], clock: Clock, plan: LatencyPlan, per_call_s: float
) -> tuple[list[list[float]], WindowEnd]:
    round_s = plan.window_s / plan.rule.most_rounds
    round_iterations = math.ceil(plan.min_iterations / plan.rule.most_rounds)
    rounds: list[list[float]] = []

    def time_round() -> tuple[float]:
        nonlocal per_call_s
        seconds: list[float] = []
        while (missing_s := round_s - math.fsum(seconds)) > 0 or len(seconds) < round_iterations:
            count = _chunk(missing_s, round_iterations - len(seconds), per_call_s)
            seconds += clock.time_calls(list(islice(calls, count)))
            per_call_s = statistics.median(seconds)
        rounds.append(seconds)
        return (per_call_s,)

    def is_at_cap() -> bool:
        iterations = sum(map(len, rounds))
        return iterations >= plan.min_iterations and _sum_seconds(rounds) >= plan.window_s

    return rounds, run_rounds(time_round, plan.rule, is_at_cap)


def _sum_seconds(rounds: Sequence[Sequence[float]]) -> float:
    return math.fsum(second for seconds in rounds for second in seconds)


def _chunk(missing_s: float, missing_iterations: int, per_call_s: float) -> int:
    """Return how many calls to give to the clock at once: what is missing, by the last estimate.

    One chunk is one synchronise, so a round should be few of them.
    """
    if per_call_s <= 0:
        return max(1, missing_iterations)
    by_time = math.ceil(max(0.0, missing_s) / per_call_s)
    return min(_MAX_CHUNK, max(1, by_time, missing_iterations))


def _summarise(
    rounds: list[list[float]], end: WindowEnd, warmup: Warmup, clock: str, threads: int | None
) -> Latency:
    seconds = [value for times in rounds for value in times]
    ordered = sorted(seconds)
    median = statistics.median(ordered)
    medians = [statistics.median(times) for times in rounds]
    low, high = compute_interval_95(median, medians, end.looks)
    return Latency(
        latency_s=median,
        mean_s=statistics.fmean(seconds),
        p50_s=median,
        p90_s=compute_quantile(ordered, 0.90),
        p99_s=compute_quantile(ordered, 0.99),
        stdev_s=statistics.stdev(seconds) if len(seconds) > 1 else None,
        min_s=ordered[0],
        max_s=ordered[-1],
        iterations=len(seconds),
        rounds_s=medians,
        low_s=low,
        high_s=high,
        warmup_iterations=warmup.iterations,
        steady=warmup.steady,
        window_s=_sum_seconds(rounds),
        end=end,
        clock=clock,
        threads=threads,
    )


def number_timings(kind: str, rounds: Sequence[Sequence[float]]) -> list[Timing]:
    """Return the rows of one kind, numbered over all rounds."""
    numbered = [(index, value) for index, times in enumerate(rounds) for value in times]
    return [
        Timing(kind, round_index, iteration, seconds)
        for iteration, (round_index, seconds) in enumerate(numbered)
    ]
