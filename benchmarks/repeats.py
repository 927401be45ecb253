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

PROCESSES = 24


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
    false = sum(_are_called_different(rounds, pair) for pair in pairs)
    blind = sum(compare_rounds(rounds[one], rounds[other]).significant for one, other in pairs)
    print(
        f"{len(rounds)} processes of one computation: repeatability {whole.deviation:.1%}; by the "
        f"spread of rounds alone {blind} of {len(pairs)} pairs would differ"
    )
    yield Comparison(
        "false differences, same computation", false / len(pairs), 0.05, "share", 0.0, at_most=True
    )


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
        print(json.dumps(pool.map(partial(_time_computation, device), range(PROCESSES), 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
