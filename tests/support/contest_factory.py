"""Makes up contests: by hand, and at random with ties, gaps, disturbed cells and limits."""

import math
import random
from typing import Any

from vlmeter.decision.candidates import Candidate, Contest, Cost, Quality
from vlmeter.results.limits import Limits


def make_cost(value: float, reach: float | None = 0.05) -> Cost:
    return Cost(value, math.log(value), reach)


def make_candidate(cell: str, nearness: int, **given: Any) -> Candidate:
    """Return a candidate; costs may be given as seconds or joules, and quality as its value."""
    values = {"latency": 0.1, "sample_time": 0.1, "energy": None, "quality": 0.6, **given}
    costs = {
        name: make_cost(value) if isinstance(value := values[name], float) else value
        for name in ("latency", "sample_time", "energy")
    }
    quality = values["quality"]
    return Candidate(
        cell=cell,
        members=(cell,),
        nearness=nearness,
        memory_gb=values.get("memory_gb"),
        quality=Quality(quality, 0.05, 0.05) if isinstance(quality, float) else quality,
        disturbed=values.get("disturbed", False),
        **costs,
    )


def make_contest(*candidates: Candidate, **more: Any) -> Contest:
    """Return a contest whose reference is its first candidate."""
    values = {
        "dataset": "d",
        "model": "m",
        "reference": candidates[0].cell if candidates else "",
        "metric": "Accuracy",
        "higher_is_better": True,
        "samples": 100,
        "throughput": "generation",
        "not_varied": {},
        **more,
    }
    return Contest(candidates=candidates, **values)


def make_random_limits(rng: random.Random, *, coarse: bool = False) -> Limits:
    """Return limits that some candidates of a random contest may keep."""

    def draw(low: float, high: float) -> float:
        value = rng.uniform(low, high)
        return round(value, 1) if coarse else value

    return Limits(
        min_quality=rng.choice([None, draw(0.0, 1.0)]),
        max_latency_s=rng.choice([None, draw(0.1, 3.0)]),
        max_memory_gb=rng.choice([None, None, draw(1.0, 9.0)]),
        max_energy_j=rng.choice([None, None, draw(0.1, 3.0)]),
    )


def make_random_contest(rng: random.Random, count: int | None = None) -> tuple[Contest, Limits]:
    """Return a contest of `count` or up to twelve candidates, and limits that some may keep."""
    has_quality, coarse = rng.random() < 0.8, rng.random() < 0.5

    def draw(low: float, high: float) -> float:
        # Coarse values tie often.
        value = rng.uniform(low, high)
        return round(value, 1) if coarse else value

    def draw_cost(gaps: float) -> Cost | None:
        if rng.random() < gaps:
            return None
        value = draw(0.1, 3.0)
        return Cost(value, math.log(value), rng.choice([None, 0.0, 0.05, 0.3, rng.random()]))

    def draw_quality() -> Quality | None:
        if not has_quality or rng.random() < 0.15:
            return None
        reaches = [rng.choice([None, 0.0, 0.1, rng.random() / 3]) for _ in range(2)]
        return Quality(draw(0.0, 1.0), *reaches)

    count = count or rng.randint(1, 12)
    places = rng.sample(range(count), count)
    gaps = rng.choice([0.0, 0.3, 1.0])
    candidates = [
        Candidate(
            cell=f"c{place}",
            members=(f"c{place}",),
            nearness=place,
            latency=draw_cost(0.0),
            sample_time=draw_cost(gaps),
            energy=draw_cost(rng.choice([0.0, gaps])),
            memory_gb=rng.choice([None, draw(1.0, 9.0)]),
            quality=draw_quality(),
            disturbed=rng.random() < 0.3,
        )
        for place in places
    ]
    metric = "metric" if any(it.quality for it in candidates) else None
    contest = make_contest(
        *candidates,
        reference=rng.choice(["", *(it.cell for it in candidates)]),
        metric=metric,
        higher_is_better=rng.random() < 0.7,
    )
    return contest, make_random_limits(rng, coarse=coarse)
