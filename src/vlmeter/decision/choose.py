"""Chooses the best setting for each goal among the candidates that qualify.

`report/templates/decide.js` follows the same rules in the page; a test holds the two equal.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vlmeter.decision.candidates import Candidate, Contest, Cost, is_measurable
from vlmeter.decision.decision import Choice, Decision, Goal, Miss, Nearest
from vlmeter.results.limits import Limits

_COSTS: dict[Goal, Callable[[Candidate], Cost | None]] = {
    Goal.LATENCY: lambda candidate: candidate.latency,
    Goal.THROUGHPUT: lambda candidate: candidate.sample_time,
    Goal.ENERGY: lambda candidate: candidate.energy,
}


class _Scored(NamedTuple):
    """A candidate by what a goal asks for; less is better."""

    candidate: Candidate
    score: float
    below: float | None
    """How much less the score may be; None where that is not known."""
    above: float | None


def choose(contest: Contest, limits: Limits) -> Decision:
    """Return the best settings of a contest.

    1. A candidate without a quality is left out where others have one.
    2. So is one that does not keep the limits of costs.
    3. Answers must be as good as a bar: the floor of quality where one is given, else not
       measurably worse than the reference's, or than those of the best candidate that is measurably
       better. Where the limits leave the reference out, the best answers stand for it.
    4. Of those that are left the undisturbed ones take part in the goals of cost, where there are
       some. What disturbs a measurement changes no answer.
    5. For each goal the best value is found. Those that are not measurably worse are tied with it,
       and of them all the one nearest to the base is named.
    """
    candidates = contest.candidates
    judged = [it for it in candidates if it.quality is not None or contest.metric is None]
    inside = [it for it in judged if not list_misses(it, contest, limits, with_quality=False)]
    bar = None if limits.min_quality is not None else _find_bar(contest, inside)
    fit = [it for it in inside if not _falls_below(it, bar, contest, limits)]
    calm = [it for it in fit if not it.disturbed] or fit
    kept = [it for it in judged if not list_misses(it, contest, limits)]
    return Decision(
        choices=tuple(_choose_all(contest, fit if bar is None else inside, calm)),
        bar=None if bar is None else bar.cell,
        worse=() if bar is None else _name_others(inside, fit),
        unjudged=_name_others(candidates, judged),
        disturbed=_name_others(fit, calm),
        beyond=_name_others(judged, kept),
        nearest=None if kept or not judged else _find_nearest(contest, judged, limits),
    )


def list_misses(
    candidate: Candidate, contest: Contest, limits: Limits, *, with_quality: bool = True
) -> list[Miss]:
    """Return the limits that a candidate does not keep; what was not measured keeps none."""
    values = {
        "max_latency_s": None if candidate.latency is None else candidate.latency.value,
        "max_memory_gb": candidate.memory_gb,
        "max_energy_j": None if candidate.energy is None else candidate.energy.value,
    }
    bounds = {name: getattr(limits, name) for name in values}
    misses = [
        Miss(name, value, bounds[name])
        for name, value in values.items()
        if bounds[name] is not None and (value is None or value > bounds[name])
    ]
    floor = limits.min_quality
    if with_quality and floor is not None:
        value = None if candidate.quality is None else candidate.quality.value
        sign = 1 if contest.higher_is_better else -1
        if value is None or sign * value < sign * floor:
            misses.append(Miss("min_quality", value, floor))
    return misses


def _name_others(candidates: Sequence[Candidate], taken: Sequence[Candidate]) -> tuple[str, ...]:
    """Return the cells of the candidates that are not taken."""
    cells = {it.cell for it in taken}
    return tuple(it.cell for it in candidates if it.cell not in cells)


def _falls_below(
    candidate: Candidate, bar: Candidate | None, contest: Contest, limits: Limits
) -> bool:
    if bar is None:
        return bool(list_misses(candidate, contest, limits))
    return _is_worse(_score_quality(candidate, contest), _score_quality(bar, contest))


def _find_bar(contest: Contest, inside: Sequence[Candidate]) -> Candidate | None:
    """Return whose quality the goals of cost ask for."""
    scored = [_score_quality(it, contest) for it in inside if it.quality is not None]
    if not scored:
        return None
    start = next(
        (it for it in scored if it.candidate.cell == contest.reference), _find_best(scored)
    )
    better = [it for it in scored if _is_worse(start, it)]
    return _find_best(better or [start]).candidate


def _choose_all(
    contest: Contest, answering: Sequence[Candidate], calm: Sequence[Candidate]
) -> list[Choice]:
    choices = []
    qualities = [_score_quality(it, contest) for it in answering if it.quality is not None]
    if qualities:
        choices.append(_choose(Goal.QUALITY, qualities))
    for goal, read in _COSTS.items():
        scored = [_score_cost(it, cost) for it in calm if (cost := read(it)) is not None]
        if scored:
            choices.append(_choose(goal, scored))
    balance = _score_balance(calm)
    if balance:
        choices.append(_choose(Goal.BALANCE, balance))
    return choices


def _choose(goal: Goal, scored: Sequence[_Scored]) -> Choice:
    best = _find_best(scored)
    tied = [it.candidate for it in scored if not _is_worse(it, best)]
    nearest = min(tied, key=lambda candidate: candidate.nearness)
    others = tuple(candidate.cell for candidate in tied if candidate is not nearest)
    return Choice(goal, nearest.cell, best.candidate.cell, others)


def _find_best(scored: Sequence[_Scored]) -> _Scored:
    return min(scored, key=lambda it: (it.score, it.candidate.nearness))


def _is_worse(entry: _Scored, other: _Scored) -> bool:
    return is_measurable(entry.score - other.score, entry.below, other.above)


def _score_quality(candidate: Candidate, contest: Contest) -> _Scored:
    assert candidate.quality is not None, "candidates without one are left out"
    quality = candidate.quality
    if contest.higher_is_better:
        return _Scored(candidate, -quality.value, quality.above, quality.below)
    return _Scored(candidate, quality.value, quality.below, quality.above)


def _score_cost(candidate: Candidate, cost: Cost) -> _Scored:
    return _Scored(candidate, cost.log, cost.reach, cost.reach)


def _score_balance(calm: Sequence[Candidate]) -> list[_Scored]:
    """Return the squared distance of each candidate from the best of every cost.

    A cost runs from 0, the best, to 1, the worst, on the log scale, so that its unit does not
    matter. One that some candidate lacks, or in which the best and the worst are not measurably
    apart, takes no part. Reaches are those of the first order.
    """
    totals = [0.0] * len(calm)
    reaches: list[float] = [0.0] * len(calm)
    counted = False
    for read in _COSTS.values():
        costs = [cost for it in calm if (cost := read(it)) is not None]
        if not costs or len(costs) < len(calm):
            continue
        scored = [_score_cost(it, cost) for it, cost in zip(calm, costs, strict=True)]
        best = _find_best(scored)
        worst = max(scored, key=lambda it: (it.score, -it.candidate.nearness))
        counted = True
        if not _is_worse(worst, best):
            continue
        span = worst.score - best.score
        for place, cost in enumerate(costs):
            share = (cost.log - best.score) / span
            totals[place] += share * share
            reaches[place] += 2 * share * (cost.reach or 0.0) / span
    if not counted:
        return []
    return [
        _Scored(it, total, reach, reach)
        for it, total, reach in zip(calm, totals, reaches, strict=True)
    ]


def _find_nearest(contest: Contest, judged: Sequence[Candidate], limits: Limits) -> Nearest:
    """Return the candidate whose farthest miss, as a share of its limit, is the least."""

    def measure(candidate: Candidate) -> tuple[float, int]:
        shares = [_measure_miss(miss) for miss in list_misses(candidate, contest, limits)]
        return max(shares), candidate.nearness

    nearest = min(judged, key=measure)
    return Nearest(nearest.cell, tuple(list_misses(nearest, contest, limits)))


def _measure_miss(miss: Miss) -> float:
    if miss.value is None:
        return math.inf
    return abs(miss.value - miss.bound) / abs(miss.bound) if miss.bound else math.inf
