"""Judges a study by its gates: which limits are kept, which are broken, and by what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from vlmeter.compare.cells import Pair, match_cells
from vlmeter.compare.figures import (
    compared_plain,
    compared_quality,
    cost_difference,
    metrics_in,
    rounds_in,
)
from vlmeter.files import read_json, write_json
from vlmeter.metrics.uncertainty import Difference
from vlmeter.record import Status
from vlmeter.repeats import COSTS
from vlmeter.reporting.formats import number, quantity, signed_percent
from vlmeter.reporting.frames import Row, read_summary

Plain = Mapping[str, Any]
Key = tuple[str, str]
"""Data set and cell."""


@dataclass(frozen=True)
class Verdict:
    """One limit held against one cell."""

    gate: int
    """Place of the gate in the config, from 0."""
    limit: str
    """What is asked, in words."""
    dataset: str
    cell: str
    kept: bool
    value: float | None
    allowed: float | None
    """The limit itself; of a relative one, the largest difference."""
    base: float | None = None
    """The baseline's figure, as it was compared."""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""
    """What was found, in words."""


def judge_gates(
    plan: Sequence[Plain], summary_csv: Path, repeatability_json: Path, gates_json: Path
) -> None:
    """Write `gates.json`: each limit with each cell that it holds.

    An absolute limit is held against the figure itself. A relative one is broken where the figure
    is further from the baseline's than allowed *and* the 95 % interval of the difference excludes
    zero; where no interval can be known, the allowance alone decides. A figure that is not there
    breaks its limits: what was not measured cannot be said to keep them.

    Args:
        plan: `gate_plan` of the study.
        summary_csv: A row per cell.
        repeatability_json: How well costs repeat in this study.
        gates_json: Written.

    Raises:
        UserError: a summary is missing or damaged; the message names it.
    """
    rows = read_summary(summary_csv)
    here = _Results(summary_csv.parent, rows, read_json(repeatability_json))
    found = [one for place, gate in enumerate(plan) for one in _judged(place, gate, here)]
    broken = sum(not one.kept for one in found)
    write_json(
        gates_json,
        {"kept": len(found) - broken, "broken": broken, "limits": [asdict(one) for one in found]},
    )


@dataclass(frozen=True)
class _Results:
    """What a study's folder holds, or what is kept of it."""

    folder: Path
    rows: dict[Key, Row]
    repeatability: Plain


def _judged(place: int, gate: Plain, here: _Results) -> Iterator[Verdict]:
    partners = _partners(gate, here)
    for dataset, cell in gate["cells"]:
        row = here.rows[dataset, cell]
        value = _value(row, gate)
        known = Verdict(place, "", dataset, cell, False, value, None)
        for kind, limit in (("max", gate["max"]), ("min", gate["min"])):
            if limit is not None:
                yield _absolute(known, kind, limit, row, gate)
        for kind in ("increase", "decrease"):
            limit = gate[f"max_{kind}_percent"]
            if limit is not None:
                yield _relative(known, kind, limit, gate, row, partners, here)


def _absolute(known: Verdict, kind: str, limit: float, row: Row, gate: Plain) -> Verdict:
    word = "at most" if kind == "max" else "at least"
    asked = replace(known, limit=f"{gate['metric']} {word} {_written(limit, gate)}", allowed=limit)
    if known.value is None:
        return replace(asked, why=_why_not(row, gate))
    kept = known.value <= limit if kind == "max" else known.value >= limit
    return replace(asked, kept=kept, why=_written(known.value, gate))


def _relative(
    known: Verdict,
    kind: str,
    percent: float,
    gate: Plain,
    row: Row,
    partners: tuple[_Results, dict[Key, Row]],
    here: _Results,
) -> Verdict:
    there, rows = partners
    word = "above" if kind == "increase" else "below"
    asked = replace(
        known, limit=f"{gate['metric']} at most {percent:g} % {word} {gate['baseline']}"
    )
    base = rows.get((known.dataset, known.cell))
    if known.value is None:
        return replace(asked, why=_why_not(row, gate))
    if base is None:
        return replace(asked, why="the baseline has no such cell")
    if _value(base, gate) is None:
        return replace(asked, why=f"of the baseline: {_why_not(base, gate)}")
    start, found = _difference(Pair(a=base, b=row), gate, there, here)
    allowed = abs(start) * percent / 100
    beyond = (found.estimate if kind == "increase" else -found.estimate) > allowed
    kept = not beyond or (found.low is not None and not found.significant)
    return replace(
        asked,
        kept=kept,
        allowed=allowed,
        base=start,
        difference=found.estimate,
        low=found.low,
        high=found.high,
        why=_difference_words(known.value, start, found, gate),
    )


def _partners(gate: Plain, here: _Results) -> tuple[_Results, dict[Key, Row]]:
    """Return the baseline, and of each cell the row that it is held against."""
    if gate["baseline"] is None:
        return here, {}
    path = Path(gate["baseline"])
    repeats = path.with_name("repeatability.json")
    there = _Results(
        path.parent, read_summary(path), read_json(repeats) if repeats.exists() else {}
    )
    pairs = match_cells(there.rows, here.rows).pairs
    return there, {(str(pair.b["dataset"]), str(pair.b["cell"])): pair.a for pair in pairs}


def _difference(
    pair: Pair, gate: Plain, there: _Results, here: _Results
) -> tuple[float, Difference]:
    """Return what the difference is a share of, and the difference from the baseline."""
    metric = gate["metric"]
    if metric in COSTS:
        rounds, base = rounds_in(pair.b, metric), rounds_in(pair.a, metric)
        if rounds and base:
            # A baseline that does not say how well it repeats is taken to repeat as well.
            repeats = (here.repeatability, there.repeatability or here.repeatability)
            return fmean(base), cost_difference(
                pair.b, pair.a, metric, repeats=repeats, rounds=(rounds, base)
            )
    figure = "wer" if metric == "wer_value" else metric
    if metric == "wer_value" or not gate["is_column"]:
        found = compared_quality(pair, figure, there.folder, here.folder)
    else:
        found = compared_plain(pair, metric)
    assert found.base is not None, "both have a value"
    assert found.difference is not None, "both have a value"
    return found.base, found.difference


def _value(row: Row, gate: Plain) -> float | None:
    if gate["is_column"]:
        value = row[gate["metric"]]
    else:
        value = metrics_in(row).get(gate["metric"], {}).get("value")
    return None if value is None else float(value)


def _why_not(row: Row, gate: Plain) -> str:
    """Say why a cell has no such figure."""
    if row["status"] != Status.OK:
        status = str(row["status"]).replace("_", " ")
        return _because(f"not measured: {status}", row["reason"])
    metric = str(gate["metric"])
    note = metrics_in(row).get("wer" if metric == "wer_value" else metric, {}).get("note")
    column = f"{metric.split('_', maxsplit=1)[0]}_reason"
    return _because("not measured", note or row.get(column))


def _because(words: str, reason: object) -> str:
    told = " ".join(str(reason or "").split()).removeprefix(f"{words}: ")
    return f"{words}: {told}" if told else words


def _written(value: float, gate: Plain) -> str:
    return quantity(value, gate["unit"]) if gate["unit"] else number(value)


def _difference_words(value: float, start: float, found: Difference, gate: Plain) -> str:
    def share(difference: float) -> str:
        return signed_percent(difference / abs(start)) if start else number(difference)

    ends = "no interval"
    if found.low is not None and found.high is not None:
        ends = f"[{share(found.low)}, {share(found.high)}]"
    return f"{_written(value, gate)}, {share(found.estimate)} {ends}"
