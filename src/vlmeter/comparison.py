"""Compares cells: does one cost more or answer worse than another, beyond what chance does?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from vlmeter.metrics.drift import Answers
from vlmeter.metrics.uncertainty import Difference, difference_of_rounds
from vlmeter.record import Status
from vlmeter.repeats import repeatability_of, rounds_of

Plain = Mapping[str, Any]
Key = tuple[str, str]
"""Data set and cell."""
_WORD_ERRORS = ("wer", "mer")
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
    """Return the task's own metric: the first that is no word error rate."""
    for name, metric in _metrics(record).items():
        if not name.startswith(_WORD_ERRORS):
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
