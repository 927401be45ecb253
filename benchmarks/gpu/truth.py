"""VLMeter's figures beside figures got without it, at full size, in one process.

Started by `check.py`. Every check stands apart from the others: one that fails leaves its error in
the table, and the rest go on.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from cells import cell_latency, find_base_cell
from costs import generation, latency, layers, marks, memory, peak_rate
from counts import flops
from ours import visible_gpus
from power import cost_of_a_look, energy, idle_power
from steps import LIMIT_VARIABLE
from subject import Subject, stored_subject
from truth_table import Check, TruthTable
from variants import attention, compiled, quantized, refused, static_cache

REDUCED = "reduce-overhead"


def main() -> int:
    """Write the table; return how many checks failed."""
    start = time.monotonic()
    limit_s = float(os.environ.get(LIMIT_VARIABLE, "inf"))
    given = _arguments()
    about = {"device": _name(given.device), "torch": torch.__version__, "model": given.architecture}
    table = TruthTable(given.into, {name: str(value) for name, value in about.items()})
    if given.device == "cpu":
        # Layers as small as the demo's gain nothing from a second thread, and two that wait for
        # each other suffer most where the machine is shared.
        torch.set_num_threads(1)
    cell = find_base_cell(given.core)
    with stored_subject(given.architecture, given.device) as subject:
        first = [Check("a cell", 4, partial(cell_latency, subject, cell))] if cell else []
        table.run([*first, *checks(subject, short=given.short)], start + limit_s)
    return len(table.traces)


def checks(subject: Subject, *, short: bool) -> Sequence[Check]:
    """Return the checks of a device, by what it would be worst not to know.

    Args:
        subject: The model.
        short: Leave out what compiles.
    """
    on_gpu = subject.on_gpu
    costs = [
        *([Check("device memory", 1, partial(cost_of_a_look, subject))] if on_gpu else []),
        Check("latency, batch 1", 12, partial(latency, subject, 1)),
        Check("energy", 12, partial(energy, subject)),
        Check("memory", 4, partial(memory, subject)),
        Check("FLOPs", 15, partial(flops, subject)),
        Check(f"latency, batch {subject.rows}", 12, partial(latency, subject, subject.rows)),
        Check("generation", 8, partial(generation, subject)),
        Check("flash_attention_2", 2, partial(refused, subject)),
        Check("eager", 3, partial(attention, subject, "eager")),
        Check("layers", 10, partial(layers, subject)),
        Check("peak rate", 4, partial(peak_rate, subject)),
        Check("marks", 2, partial(marks, subject)),
        *([Check("idle power", 4, partial(idle_power, subject))] if on_gpu else []),
    ]
    compilation = [
        Check("compile", 30, partial(compiled, subject, "default")),
        Check(f"compile, {REDUCED}", 30, partial(compiled, subject, REDUCED)),
    ]
    forms = [
        Check("sdpa", 12, partial(attention, subject, "sdpa")),
        Check("int8", 20, partial(quantized, subject, "int8", limit=0.02)),
        Check("int4", 20, partial(quantized, subject, "int4", limit=0.3)),
        Check("static cache", 12, partial(static_cache, subject)),
    ]
    if on_gpu and torch.cuda.get_device_capability() >= (8, 9):
        forms.append(Check("fp8", 20, partial(quantized, subject, "fp8", limit=0.05)))
    # On a CPU torch 2.13 compiles flexible attention for half a minute, and fails at decode steps.
    flexible = [Check("flex_attention", 40, partial(attention, subject, "flex_attention"))]
    late = [
        *(flexible if on_gpu else []),
        Check(f"compile whole, {REDUCED}", 60, partial(compiled, subject, REDUCED, whole=True)),
    ]
    return [*costs, *forms] if short else [*costs, *compilation, *forms, *late]


def _name(device: str) -> str:
    """Return what is measured on; asked of NVML, so that torch does not begin on the card yet."""
    gpus = visible_gpus() if device == "cuda" else ()
    return gpus[0].name if gpus else device


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--architecture", type=Path, required=True)
    parser.add_argument("--core", type=Path, required=True, help="results of the core study")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--short", action="store_true", help="leave out what compiles")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
