"""The same computation in several processes: how often would two of them be called different?"""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import fmean

from comparison import Comparison

from vlmeter.metrics.uncertainty import compare_rounds, pool_repeatability

PROCESSES = 8
PROGRAM = """
import json, torch
from compare import forward_call, model_and_inputs
from vlmeter.measure.clock import make_clock
from vlmeter.measure.latency import LatencyPlan, measure_latency
from vlmeter.measure.stopping import fix_rounds

call = forward_call(*model_and_inputs({device!r}, "eager"))
plan = LatencyPlan(window_s=1.5, min_iterations=6, rule=fix_rounds(3), max_warmup_s=1.5)
latency, _ = measure_latency([call], make_clock({device!r}), plan)
print(json.dumps(latency.rounds_s))
"""


def repeats(device: str) -> Iterator[Comparison]:
    """Each pair is held against what the other processes show, as a study does."""
    rounds = [_measured(device) for _ in range(PROCESSES)]
    pairs = list(combinations(range(PROCESSES), 2))
    false, blind = 0, 0
    for pair in pairs:
        others = [fmean(rounds[place]) for place in range(PROCESSES) if place not in pair]
        repeatability = pool_repeatability([others])
        assert repeatability is not None
        two = [rounds[place] for place in pair]
        false += compare_rounds(*two, repeats=(repeatability, repeatability)).significant
        blind += compare_rounds(*two).significant
    whole = pool_repeatability([[fmean(process_rounds) for process_rounds in rounds]])
    assert whole is not None
    print(
        f"{PROCESSES} processes of one computation: repeatability {whole.deviation:.1%}; by the "
        f"spread of rounds alone {blind} of {len(pairs)} pairs would differ"
    )
    yield Comparison(
        "false differences, same computation", false / len(pairs), 0.05, "share", 0.0, at_most=True
    )


def _measured(device: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(device=device)],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout))
