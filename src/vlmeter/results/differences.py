"""Compares cells: does one cost more or answer worse than another, beyond what chance does?"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from vlmeter.metrics.drift import Answers, Changed
from vlmeter.metrics.uncertainty import Difference, difference_of_rounds
from vlmeter.results.export_study import Exported
from vlmeter.results.matching import Pair
from vlmeter.results.repeatability import COSTS, repeatability_of, rounds_of
from vlmeter.results.tables import Row
from vlmeter.status import Status
from vlmeter.storage.files import check_whole, checksums, read_json

Plain = Mapping[str, Any]
Key = tuple[str, str]
"""Data set and cell."""
_ERROR_RATES = ("wer", "mer", "cer")
_SUFFIXES = {"latency": "_s", "sample_time": "_s", "energy": "_j"}
"""How a cost's columns end."""


def compare_cells(
    records: Mapping[Key, Plain], folders: Mapping[Key, Path], plan: Plain, repeats: Plain
) -> list[dict[str, object]]:
    """Return a row of `differences.csv` for each pair of cells that both have a record.

    Costs are compared over rounds and over what repeating them shows (t), quality sample by sample
    (paired bootstrap).

    Args:
        records: The records by data set and cell.
        folders: Where `scores.parquet` and `predictions.parquet` of each lie.
        plan: `comparison_plan` of the study.
        repeats: What `describe_repeats` tells of these records.

    Raises:
        UserError: a table of scores or predictions is missing or damaged.
    """
    rows = []
    answers = Answers(seed=plan["seed"], resamples=plan["resamples"])
    for pair in plan["pairs"]:
        keys = [(pair["dataset"], pair[name]) for name in ("cell", "base")]
        if all(key in records for key in keys):
            cell, base = (records[key] for key in keys)
            places = [folders[key] for key in keys]
            rows.append(
                {**pair, **_costs(cell, base, repeats), **_quality(cell, base, places, answers)}
            )
    return rows


def task_metric(record: Plain) -> Plain | None:
    """Return the task's own metric: the first that is no error rate of words or characters."""
    for name, metric in _metrics(record).items():
        if not name.startswith(_ERROR_RATES):
            return metric
    return None


def _metrics(record: Plain) -> dict[str, Plain]:
    quality = record.get("quality")
    metrics = quality.get("metrics") if isinstance(quality, dict) else None
    return {metric["name"]: metric for metric in metrics or []}


def _costs(cell: Plain, base: Plain, repeats: Plain) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, suffix in _SUFFIXES.items():
        source = "latency" if name == "sample_time" else name
        of_cell, of_base = (_rounds(record, name) for record in (cell, base))
        if of_cell and of_base:
            known = [
                repeatability_of(repeats, source, record["cell"]["device"])
                for record in (cell, base)
            ]
            both = (known[0], known[1]) if known[0] and known[1] else None
            found = difference_of_rounds(of_cell, of_base, repeats=both)
            row |= _columns(name, suffix, fmean(of_base), found)
    return row


def _rounds(record: Plain, name: str) -> list[float] | None:
    """Return a cost's rounds; the time per sample is the latency's over the batch size."""
    if name != "sample_time":
        return rounds_of(record, name)
    rounds = rounds_of(record, "latency")
    if not rounds or not record["cell"].get("batch_size"):
        return None
    return [one / record["cell"]["batch_size"] for one in rounds]


def _quality(
    cell: Plain, base: Plain, places: Sequence[Path], answers: Answers
) -> dict[str, object]:
    if any(record.get("status") != Status.OK for record in (cell, base)):
        return {}
    own = task_metric(cell)
    row = _figure(cell, base, places, answers, "wer", "wer")
    if own is not None:
        row |= _figure(cell, base, places, answers, "task", own["name"])
    if "task_difference" in row and own is not None:
        row["task_metric"] = own["name"]
    changed = answers.changed_predictions(*(folder / "predictions.parquet" for folder in places))
    if changed.shared:
        row["changed_predictions"] = changed.changed
        row["shared_predictions"] = changed.shared
    return row


def _figure(
    cell: Plain, base: Plain, places: Sequence[Path], answers: Answers, name: str, figure: str
) -> dict[str, object]:
    """Return the columns of one figure of quality; none where one of the two has no value."""
    of_cell, of_base = (_metrics(record).get(figure, {}).get("value") for record in (cell, base))
    if of_cell is None or of_base is None:
        return {}
    of_cell_scores, of_base_scores = (folder / "scores.parquet" for folder in places)
    found = answers.quality_difference(of_cell_scores, of_base_scores, figure)
    return {} if found is None else _columns(name, "", of_base, found.difference)


def _columns(name: str, suffix: str, base: float, found: Difference) -> dict[str, object]:
    return {
        f"{name}_base{suffix}": base,
        f"{name}_difference{suffix}": found.estimate,
        f"{name}_difference_low{suffix}": found.low,
        f"{name}_difference_high{suffix}": found.high,
        f"{name}_differs": None if found.low is None else found.significant,
    }


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
