"""The same computation in several processes: how often would two of them be called different?

`python benchmarks/repeats.py [cpu|cuda]` times it in each and prints the rounds.
"""

import json
import math
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from statistics import NormalDist, fmean

from comparison import Comparison

from vlmeter.metrics.uncertainty import compare_rounds, pool_repeatability

PROCESSES = 24
NOMINAL, CONFIDENCE = 0.05, 0.95
"""The share of pairs that may be called different, and how sure it is that they are more."""
Pair = tuple[int, int]


def repeats(device: str) -> Iterator[Comparison]:
    """Each pair is held against what the other processes show, as a study does."""
    done = subprocess.run(
        [sys.executable, __file__, device],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    rounds: list[list[float]] = json.loads(done.stdout)
    whole = pool_repeatability([[fmean(process) for process in rounds]])
    assert whole is not None
    pairs = list(combinations(range(len(rounds)), 2))
    different = {pair for pair in pairs if _are_called_different(rounds, pair)}
    blind = sum(compare_rounds(rounds[one], rounds[other]).significant for one, other in pairs)
    share, least = bound_share(different, len(rounds))
    print(
        f"{len(rounds)} processes of one computation: repeatability {whole.deviation:.1%}; of "
        f"{len(pairs)} pairs {share:.1%} are called different, at least {max(0.0, least):.1%} with "
        f"confidence {CONFIDENCE:.0%}; by the spread of rounds alone {blind / len(pairs):.1%}"
    )
    yield Comparison(
        "false differences, same computation",
        max(0.0, least),
        NOMINAL,
        "share",
        0.0,
        at_most=True,
    )


def bound_share(different: set[Pair], processes: int) -> tuple[float, float]:
    """Return the share of pairs that are different, and its lower bound.

    The bound is by the jackknife over processes: pairs that share one are not independent, so that
    a single process apart from all others is many pairs and no evidence.
    """
    share = len(different) / math.comb(processes, 2)
    without = [
        sum(left_out not in pair for pair in different) / math.comb(processes - 1, 2)
        for left_out in range(processes)
    ]
    variance = sum((value - fmean(without)) ** 2 for value in without) * (1 - 1 / processes)
    return share, share - NormalDist().inv_cdf(CONFIDENCE) * math.sqrt(variance)


def _are_called_different(rounds: Sequence[Sequence[float]], pair: Pair) -> bool:
    others = [fmean(process) for place, process in enumerate(rounds) if place not in pair]
    repeatability = pool_repeatability([others])
    assert repeatability is not None
    two = [rounds[place] for place in pair]
    return compare_rounds(*two, repeats=(repeatability, repeatability)).significant


def _time_computation(device: str, _: int) -> list[float]:
    # In the process that times alone, and its parent: torch takes seconds.
    from compare import forward_call, model_and_inputs  # noqa: PLC0415

    from vlmeter.measure.clock import make_clock  # noqa: PLC0415
    from vlmeter.measure.latency import LatencyPlan, measure_latency  # noqa: PLC0415
    from vlmeter.measure.stopping import fix_rounds  # noqa: PLC0415

    call = forward_call(*model_and_inputs(device, "eager"))
    plan = LatencyPlan(window_s=1.5, min_iterations=6, rule=fix_rounds(3), max_warmup_s=1.5)
    latency, _timings = measure_latency([call], make_clock(device), plan)
    return latency.rounds_s


def main(device: str = "cpu") -> None:
    # As cells begin: forks of a process that has imported all, where no device speaks against it.
    if device == "cpu":
        import compare  # noqa: F401, PLC0415
    context = multiprocessing.get_context("fork" if device == "cpu" else "spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        print(json.dumps(pool.map(partial(_time_computation, device), range(PROCESSES), 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
