"""The same computation in several processes: how often would two of them be called different?

`python benchmarks/repeats.py [cpu|cuda]` times it in each and prints the rounds.
"""

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from statistics import fmean

from comparison import Comparison

from vlmeter.metrics.cost_difference import compare_rounds, pool_repeatability

PROCESSES, SETS = 24, 4
"""The pairs of a set share its processes: one that is far off is in 23 of 276 pairs, so that a set
alone says little of how often two are called different."""


def repeats(device: str) -> Iterator[Comparison]:
    """Each pair is held against what the other processes of its set show, as a study does."""
    done = subprocess.run(
        [sys.executable, __file__, device],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    rounds: list[list[float]] = json.loads(done.stdout)
    shares = [
        _count_false_share(rounds[first : first + PROCESSES])
        for first in range(0, len(rounds), PROCESSES)
    ]
    yield Comparison(
        "false differences, same computation", fmean(shares), 0.05, "share", 0.0, at_most=True
    )


def _count_false_share(rounds: Sequence[Sequence[float]]) -> float:
    whole = pool_repeatability([[fmean(process) for process in rounds]])
    assert whole is not None
    pairs = list(combinations(range(len(rounds)), 2))
    false = sum(_are_called_different(rounds, pair) for pair in pairs)
    blind = sum(compare_rounds(rounds[one], rounds[other]).significant for one, other in pairs)
    print(
        f"{len(rounds)} processes of one computation: repeatability {whole.deviation:.1%}; of"
        f" {len(pairs)} pairs {false} would be called different, by the spread of rounds alone"
        f" {blind}"
    )
    return false / len(pairs)


def _are_called_different(rounds: Sequence[Sequence[float]], pair: tuple[int, int]) -> bool:
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
        print(json.dumps(pool.map(partial(_time_computation, device), range(SETS * PROCESSES), 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
