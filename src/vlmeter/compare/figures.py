"""How the figures of a cell differ between two studies: B less A, with a 95 % interval."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from vlmeter.compare.cells import Pair
from vlmeter.exports import Exported
from vlmeter.files import check_whole, checksums, read_json
from vlmeter.metrics.drift import Answers, Changed
from vlmeter.metrics.uncertainty import Difference, difference_of_rounds
from vlmeter.repeats import COSTS, repeatability_of, rounds_of
from vlmeter.reporting.frames import Row

Plain = Mapping[str, Any]

SEED = 0
"""Seed of the bootstrap: the same two studies always give the same report."""

PAIRED = "paired"
UNPAIRED = "unpaired"


@dataclass(frozen=True)
class Compared:
    """A figure of a cell in both studies."""

    a: float | None
    b: float | None
    difference: Difference | None
    """B less A; None where A or B has no value."""
    base: float | None = None
    """A's value as it was compared: a difference in percent is a share of it."""
    how: str = ""
    """`paired` or `unpaired` for a figure of quality."""


def compared_cost(pair: Pair, cost: str, a: Exported, b: Exported) -> Compared:
    """Compare latency or energy over rounds, allowing for how well each machine repeats itself."""
    of_a, of_b = (rounds_in(row, cost) for row in (pair.a, pair.b))
    values = pair.a[cost], pair.b[cost]
    if not of_a or not of_b:
        return Compared(*values, None)
    difference = cost_difference(
        pair.b, pair.a, cost, repeats=(b.repeatability, a.repeatability), rounds=(of_b, of_a)
    )
    return Compared(*values, difference, fmean(of_a))


def cost_difference(
    row: Row,
    base: Row,
    cost: str,
    *,
    repeats: tuple[Plain, Plain],
    rounds: tuple[list[float], list[float]],
) -> Difference:
    """Return how much more a cell costs than another cell, which may be of another study.

    Args:
        row: The cell.
        base: The other cell.
        cost: latency or energy.
        repeats: `repeatability.json` of the study of each cell, in this order.
        rounds: The rounds of each cell, likewise.
    """
    deviations = [
        repeatability_of(study_repeats, cost, str(cell["device"]))
        for study_repeats, cell in zip(repeats, (row, base), strict=True)
    ]
    repeatability = (deviations[0], deviations[1]) if deviations[0] and deviations[1] else None
    return difference_of_rounds(*rounds, repeats=repeatability)


def rounds_in(row: Row, cost: str) -> list[float] | None:
    """Return the rounds behind a cost in a row of the summary; None where there are none."""
    block, key = COSTS[cost]
    rounds_json = row[f"{cost}_{key}"]
    return rounds_of(
        {cost: row[cost], block: {key: json.loads(rounds_json) if rounds_json else None}}, cost
    )


def compared_plain(pair: Pair, column: str) -> Compared:
    """Compare a figure without a measured spread, such as a peak or a count."""
    a, b = pair.a[column], pair.b[column]
    if a is None or b is None:
        return Compared(a, b, None)
    return Compared(a, b, Difference(b - a, None, None), a)


def compared_quality(pair: Pair, figure: str, folder_a: Path, folder_b: Path) -> Compared:
    """Compare a figure of quality, sample by sample where both cells scored the same samples.

    Otherwise, or where scores per sample are missing, the two intervals are combined as if the
    samples were independent (method of variance estimates recovery, Zou and Donner, 2008). For the
    same samples, the combined interval is wider than necessary.
    """
    metrics = [metrics_in(row).get(figure, {}) for row in (pair.a, pair.b)]
    values = metrics[0].get("value"), metrics[1].get("value")
    if values[0] is None or values[1] is None:
        return Compared(*values, None)
    paths = [
        folder / "cells" / row["dataset"] / row["cell"] / "scores.parquet"
        for folder, row in ((folder_a, pair.a), (folder_b, pair.b))
    ]
    if same_samples(pair) and all(path.exists() for path in paths):
        for path in paths:
            _check_scores(path)
        paired = Answers(seed=SEED).quality_difference(paths[1], paths[0], figure)
        if paired is not None:
            return Compared(*values, paired.difference, values[0], PAIRED)
    return Compared(*values, _unpaired(*metrics), values[0], UNPAIRED)


def same_samples(pair: Pair) -> bool:
    """Say whether both cells answered exactly the same samples."""
    digest = pair.a["samples_sha256"]
    return digest is not None and digest == pair.b["samples_sha256"]


def compared_answers(pair: Pair, a: Exported, b: Exported) -> Changed | None:
    """Count the answers whose text differs; None where the answers cannot be compared."""
    paths = [
        study.folder / "cells" / row["dataset"] / row["cell"] / "predictions.parquet"
        for study, row in ((a, pair.a), (b, pair.b))
    ]
    if not same_samples(pair) or not all(path.exists() for path in paths):
        return None
    changed = Answers(seed=SEED).changed_predictions(paths[1], paths[0])
    return changed if changed.shared else None


def metrics_in(row: Row) -> dict[str, Plain]:
    """Return the figures of quality in a row of the summary, by name."""
    return {metric["name"]: metric for metric in json.loads(row["metrics"] or "[]")}


def _check_scores(path: Path) -> None:
    record = path.with_name("record.json")
    if record.exists() and "scores" in (digests := checksums(read_json(record))):
        check_whole(path, digests["scores"])


def _unpaired(a: Plain, b: Plain) -> Difference:
    estimate = b["value"] - a["value"]
    ends = [metric.get(end) for metric in (a, b) for end in ("low", "high")]
    if any(end is None for end in ends):
        return Difference(estimate, None, None)
    below = math.hypot(b["value"] - b["low"], a["high"] - a["value"])
    above = math.hypot(b["high"] - b["value"], a["value"] - a["low"])
    return Difference(estimate, estimate - below, estimate + above)
