"""Importing all that a cell measures with, beside what any program needs to load a model."""

import statistics
import subprocess
import sys
from collections.abc import Iterator

from comparison import Comparison

TURNS = 5
LIMIT = 1.15
OURS = "import vlmeter.cell.worker.measure"
PLAIN = """
import torch
from transformers import AutoProcessor, Blip2ForConditionalGeneration
"""
PROGRAM = """
import time
start = time.process_time()
{imports}
print(time.process_time() - start)
"""


def time_plain_imports() -> float:
    """Return the processor time of importing torch and a model's class: how fast a machine is."""
    return statistics.median([_seconds(PLAIN) for _ in range(TURNS + 1)][1:])


def imports(device: str) -> Iterator[Comparison]:
    """In turns, by processor time; the files are in the system's memory after the first."""
    seconds: dict[str, list[float]] = {OURS: [], PLAIN: []}
    for turn in range(TURNS + 1):
        for program, taken in seconds.items():
            duration_s = _seconds(program)
            if turn:
                taken.append(duration_s)
    ours, plain = (statistics.median(taken) for taken in seconds.values())
    yield Comparison(
        "imports / torch and the model's class", ours, plain, "s", LIMIT - 1, at_most=True
    )


def _seconds(imports: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(imports=imports)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return float(done.stdout)
