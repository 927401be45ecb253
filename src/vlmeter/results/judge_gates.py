"""Judges a study by its gates: which limits are kept, which are broken, and by what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from vlmeter.errors import UserError
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.differences import (
    compared_plain,
    compared_quality,
    cost_difference,
    metrics_in,
    rounds_in,
)
from vlmeter.results.matching import Pair, match_cells
from vlmeter.results.numbers import number, quantity, signed_percent
from vlmeter.results.repeatability import COSTS
from vlmeter.results.tables import Row, read_summary
from vlmeter.status import Status
from vlmeter.storage.files import read_json, write_json

Plain = Mapping[str, Any]
Key = tuple[str, str]
"""Data set and cell."""

_LIMITS = {
    "max": "max",
    "min": "min",
    "increase": "max_increase_percent",
    "decrease": "max_decrease_percent",
}
"""The key of each kind of limit."""
_RELATIVE = {"increase": "above", "decrease": "below"}
"""The kinds that are held against a baseline, in words."""


@dataclass(frozen=True)
class Verdict:
    """One limit held against one cell."""

    gate: int
    """Place of the gate in the config, from 0."""
    metric: str
    unit: str
    kind: str
    """max, min, increase or decrease."""
    bound: float
    """The limit itself, or the percent of a relative one."""
    baseline: str | None
    dataset: str
    cell: str
    limit: str
    """What is asked, in words."""
    value: float | None
    kept: bool = False
    base: float | None = None
    """The baseline's figure, as it was compared."""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    why_not: str = ""
    """Why it could not be judged, which breaks it."""
    found: str = ""
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
        UserError: the study's own summary is missing or damaged; the message names it.
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


@dataclass(frozen=True)
class _Baseline:
    """What a gate's cells are held against."""

    results: _Results
    partners: dict[Key, Row]
    """The row of the baseline, by the cell that is held against it."""
    unreadable: str = ""
    """Why there is none: no reason to leave the study without its report."""

    @classmethod
    def of(cls, gate: Plain, here: _Results) -> "_Baseline":
        """Read a gate's baseline; an absolute gate has none."""
        if gate["baseline"] is None:
            return cls(here, {})
        path = Path(gate["baseline"])
        repeats = path.with_name("repeatability.json")
        try:
            rows = read_summary(path)
            there = _Results(path.parent, rows, read_json(repeats) if repeats.exists() else {})
        except UserError as error:
            return cls(here, {}, str(error))
        pairs = match_cells(there.rows, here.rows).pairs
        return cls(there, {(str(pair.b["dataset"]), str(pair.b["cell"])): pair.a for pair in pairs})


def _judged(place: int, gate: Plain, here: _Results) -> Iterator[Verdict]:
    baseline = _Baseline.of(gate, here)
    for kind, key in _LIMITS.items():
        bound = gate[key]
        for dataset, cell in gate["cells"] if bound is not None else ():
            row = here.rows[dataset, cell]
            asked = Verdict(
                gate=place,
                metric=gate["metric"],
                unit=gate["unit"],
                kind=kind,
                bound=bound,
                baseline=gate["baseline"] if kind in _RELATIVE else None,
                dataset=dataset,
                cell=cell,
                limit=_limit_words(kind, bound, gate),
                value=_value(row, gate),
            )
            if asked.value is None:
                yield _unjudged(asked, _why_not(row, gate))
            elif kind in _RELATIVE:
                yield _relative(asked, gate, row, baseline, here)
            else:
                kept = asked.value <= bound if kind == "max" else asked.value >= bound
                yield replace(asked, kept=kept, found=_written(asked.value, gate))


def _limit_words(kind: str, bound: float, gate: Plain) -> str:
    if kind in _RELATIVE:
        return f"{gate['metric']} at most {bound:g} % {_RELATIVE[kind]} {gate['baseline']}"
    word = "at most" if kind == "max" else "at least"
    return f"{gate['metric']} {word} {_written(bound, gate)}"


def _unjudged(asked: Verdict, why: str) -> Verdict:
    return replace(asked, why_not=why, found=why)


def _relative(
    asked: Verdict, gate: Plain, row: Row, baseline: "_Baseline", here: _Results
) -> Verdict:
    base = baseline.partners.get((asked.dataset, asked.cell))
    if baseline.unreadable:
        return _unjudged(asked, baseline.unreadable)
    if base is None:
        return _unjudged(asked, "the baseline has no such cell")
    if _value(base, gate) is None:
        return _unjudged(asked, f"of the baseline: {_why_not(base, gate)}")
    start, found = _difference(Pair(a=base, b=row), gate, baseline.results, here)
    further = found.estimate if asked.kind == "increase" else -found.estimate
    within_noise = found.low is not None and not found.significant
    return replace(
        asked,
        kept=within_noise or further <= abs(start) * asked.bound / 100,
        base=start,
        difference=found.estimate,
        low=found.low,
        high=found.high,
        found=f"{_written(asked.value or 0.0, gate)}, {_difference_words(start, found)}",
    )


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


def _difference_words(start: float, found: Difference) -> str:
    def share(difference: float) -> str:
        return signed_percent(difference / abs(start)) if start else number(difference)

    ends = "no interval"
    if found.low is not None and found.high is not None:
        ends = f"[{share(found.low)}, {share(found.high)}]"
    return f"{share(found.estimate)} {ends}"
