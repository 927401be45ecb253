"""A whole cell's figures, as the study has them, beside the model alone in a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

from comparison import Comparison
from costs import timer
from subject import TEXT_TOKENS, Subject


def find_base_cell(results: Path) -> Path | None:
    """Return the measurement of the cell that the subject computes too: batch 1, as many tokens.

    Args:
        results: The folder of the core study's results; of one that its limit ended, perhaps.
    """
    for file in sorted(results.glob("cells/*/*/measurement.json")):
        read = json.loads(file.read_text("utf-8"))
        if read["status"] != "ok" or read["model"]["kernels"]["vision"] == ["compiled"]:
            continue
        if read["input"]["batch_samples"] == 1 and read["input"]["text_tokens"] == TEXT_TOKENS:
            return file
    return None


def cell_latency(subject: Subject, file: Path) -> Iterator[Comparison]:
    """The latency of a cell: whatever its process did before the window must not slow it."""
    ours_ms = 1e3 * json.loads(file.read_text("utf-8"))["latency_detail"]["latency_s"]
    alone = timer(subject.forward(1)).blocked_autorange(min_run_time=2 * subject.turn_s)
    yield Comparison(
        "latency of a cell / torch.utils.benchmark", ours_ms, 1e3 * alone.median, "ms", 0.05
    )
