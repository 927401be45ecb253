"""Times requests in rounds: each round once as a whole, without marks, and once in parts."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from vlmeter.errors import Sentence
from vlmeter.measure.clock import Clock, pause_garbage_collection
from vlmeter.measure.latency import Timing, are_steady, number_timings
from vlmeter.measure.marks.timeline import Timeline
from vlmeter.measure.request.result import (
    NO_OVERLAP,
    OTHER,
    PARTS,
    PREPROCESSING,
    VISION,
    Request,
    RequestPart,
)
from vlmeter.measure.spread import compute_interval_95

LARGEST_DEVIATION = 0.03
"""Of the sum of the parts from the whole, as a share: a larger one is stated."""
_LEAST_ROUNDS = 3
"""Fewer give an interval that says nothing."""
_UNDECIDED = Sentence(
    f"parts and whole differ by more than {100 * LARGEST_DEVIATION:.0f} %, but no more than the "
    "rounds among themselves: longer windows would tell"
)

Enter = Callable[[str], AbstractContextManager[None]]
"""Enters a part, by its name, for the time of a `with` block."""
Seconds = Mapping[str, float]
"""Of the parts of one request, by name."""


@dataclass(frozen=True)
class RequestPlan:
    """When the rounds end."""

    repeats: int
    """After so many rounds ..."""
    budget_s: float
    """... or from three on, once they have taken this long; the warm-up before, half as long."""


@dataclass(frozen=True)
class Load:
    """What a request carries."""

    batch_size: int
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True)
class MarkedRequest:
    """How the parts of a request are timed."""

    timeline: Timeline[str]
    mark: Callable[[Timeline[str]], AbstractContextManager[None]]
    """Takes the marks inside the request, for the time of a `with` block."""
    missing: Mapping[str, str]
    """The parts that cannot be told apart, with their reasons: their time is in `OTHER`."""


def measure_request(
    run: Callable[[Enter], object],
    marked: MarkedRequest | None,
    clock: Clock,
    plan: RequestPlan,
    load: Load,
    notes: Sequence[str] = (),
) -> tuple[Request, list[Timing]]:
    """Time requests, after some that are thrown away, until they take as long as the one before.

    The whole is timed on the host's clock, with the device synchronised at both ends alone. Whole
    and parts take turns, so that a drift of the machine reaches both alike.

    Args:
        run: A full batch of requests; enters its parts by the function that it is given.
        marked: How its parts are timed; None where they cannot be.
        clock: The clock of the device.
        plan: When the rounds end.
        load: What a request carries.
        notes: What a reader must know.

    Returns:
        The figures, and every timed call, kinds `request` and `request_<part>`.
    """
    wholes: list[float] = []
    passes: list[Seconds] = []
    least = min(plan.repeats, _LEAST_ROUNDS)
    with pause_garbage_collection():
        _warm_up(run, clock, plan.budget_s / 2)
        began = clock.now()
        while len(wholes) < least or (
            len(wholes) < plan.repeats and clock.now() - began < plan.budget_s
        ):
            wholes.append(_time_whole(run, clock))
            if marked is not None:
                passes.append(_time_parts(run, marked))
    rows = [*number_timings("request", [[whole] for whole in wholes])]
    for part in PARTS:
        values = [[seconds[part]] for seconds in passes if part in seconds]
        rows += number_timings(f"request_{part}", values)
    missing = {} if marked is None else marked.missing
    return _summarise(wholes, passes, missing, load, notes), rows


def _enter_nothing(_part: str) -> AbstractContextManager[None]:
    return nullcontext()


def _time_whole(run: Callable[[Enter], object], clock: Clock) -> float:
    clock.synchronize()
    start = clock.now()
    run(_enter_nothing)
    clock.synchronize()
    return clock.now() - start


def _warm_up(run: Callable[[Enter], object], clock: Clock, limit_s: float) -> None:
    """Answer requests until two in a row take as long, or the time is up.

    The first allocates and chooses kernels. On a GPU the next ones took up to 1.5 times what they
    came to in the end, after seconds of other work.
    """
    began, previous_s = clock.now(), _time_whole(run, clock)
    while clock.now() - began < limit_s:
        seconds = _time_whole(run, clock)
        if are_steady(previous_s, seconds):
            return
        previous_s = seconds


def _time_parts(run: Callable[[Enter], object], marked: MarkedRequest) -> Seconds:
    with marked.mark(marked.timeline):
        seconds = marked.timeline.time(run)
    return merge_into_other(seconds, marked.missing)


def merge_into_other(seconds: Seconds, merged: Mapping[str, str]) -> Seconds:
    """Return the seconds by part, where those of some parts count as `OTHER`."""
    kept: dict[str, float] = defaultdict(float)
    for part, value in seconds.items():
        kept[OTHER if part in merged else part] += value
    return dict(kept)


def _summarise(
    wholes: Sequence[float],
    passes: Sequence[Seconds],
    missing: Mapping[str, str],
    load: Load,
    notes: Sequence[str],
) -> Request:
    whole = statistics.median(wholes)
    low, high = compute_interval_95(whole, wholes)
    sums = [sum(seconds.values()) for seconds in passes]
    shares = [
        sum(seconds.get(part, 0.0) for part in PREPROCESSING) / total
        for seconds, total in zip(passes, sums, strict=True)
    ]
    vision = [
        seconds[VISION] / total
        for seconds, total in zip(passes, sums, strict=True)
        if VISION in seconds
    ]
    share = _compute_median(shares)
    share_low, share_high = (None, None) if share is None else compute_interval_95(share, shares)
    return Request(
        request_s=whole,
        low_s=low,
        high_s=high,
        rounds_s=list(wholes),
        samples_per_s=load.batch_size / whole,
        tokens_in=load.tokens_in,
        tokens_out=load.tokens_out,
        overlap=NO_OVERLAP,
        parts=[_summarise_part(part, passes, missing.get(part)) for part in PARTS if passes],
        parts_sum_s=_compute_median(sums),
        preprocessing_share=share,
        preprocessing_low=share_low,
        preprocessing_high=None if share_high is None else min(1.0, share_high),
        vision_share=_compute_median(vision),
        notes=[*notes, *_describe_deviation(sums, wholes)],
    )


def _compute_median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _summarise_part(part: str, passes: Sequence[Seconds], reason: str | None) -> RequestPart:
    if reason is not None:
        return RequestPart(part, None, None, None, reason)
    seconds = [own.get(part, 0.0) for own in passes]
    median = statistics.median(seconds)
    low, high = compute_interval_95(median, seconds)
    return RequestPart(part, median, low, high, None)


def compare_with_wholes(sums_s: Sequence[float], wholes_s: Sequence[float]) -> list[float]:
    """Return the sum of each pass's parts over the wholes before and after it.

    Where the machine's speed moves from one whole to the next, their mean is what it was between
    them. The last pass has only the one before it.
    """
    return [
        parts / statistics.fmean(wholes_s[place : place + 2]) for place, parts in enumerate(sums_s)
    ]


def _describe_deviation(sums_s: Sequence[float], wholes_s: Sequence[float]) -> list[str]:
    if not sums_s:
        return []
    ratios = compare_with_wholes(sums_s, wholes_s)
    ratio = statistics.median(ratios)
    if abs(ratio - 1.0) <= LARGEST_DEVIATION:
        return []
    low, high = compute_interval_95(ratio, ratios)
    if low is None or high is None or low <= 1.0 <= high:
        return [_UNDECIDED]
    return [
        Sentence(
            f"the parts sum to {100 * ratio:.0f} % of the whole: what the marks "
            "cost, or other work on the machine"
        )
    ]
