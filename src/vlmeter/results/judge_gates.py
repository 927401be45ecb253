"""Judges a study by its gates: which limits are kept, which are broken, and by what figure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from vlmeter.errors import Sentence, UserError
from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.absences import explain_absence
from vlmeter.results.columns import get_number
from vlmeter.results.gates import Cause, GatePlan, Judgement, LimitKind, Obstacle, Verdict
from vlmeter.results.matching import Pair, match_cells
from vlmeter.results.repeatability import (
    COSTS,
    Cost,
    Repeats,
    compute_cost_difference,
    get_rounds,
    read_repeats,
)
from vlmeter.results.study_differences import compare_column, compare_quality
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.summary_values import read_metrics
from vlmeter.results.tables import read_summary
from vlmeter.status import Status
from vlmeter.storage.files import write_json
from vlmeter.storage.layout import CellKey, StudyFolder


def judge_gates(
    plan: Sequence[GatePlan], summary_csv: Path, repeatability_json: Path, gates_json: Path
) -> None:
    """Write `gates.json`: each limit with each cell that it applies to.

    An absolute limit is compared with the figure itself. A relative limit is broken where the
    figure is further from the baseline's than allowed *and* the 95 % interval of the difference
    excludes zero; without an interval, the allowance alone decides. A figure that is missing
    breaks its limits: what was not measured does not keep them.

    Args:
        plan: The gates with their cells.
        summary_csv: A row per cell.
        repeatability_json: How well costs repeat in this study.
        gates_json: Output.

    Raises:
        UserError: the study's own summary is missing or damaged; the message names it.
    """
    results = _Results(
        summary_csv.parent, read_summary(summary_csv), read_repeats(repeatability_json)
    )
    verdicts = tuple(
        verdict for place, gate in enumerate(plan) for verdict in _judge(place, gate, results)
    )
    broken = sum(not verdict.kept for verdict in verdicts)
    write_json(gates_json, asdict(Judgement(len(verdicts) - broken, broken, verdicts)))


@dataclass(frozen=True)
class _Results:
    """What a study's folder holds, or what is kept of it."""

    folder: Path
    rows: dict[CellKey, SummaryRow]
    repeats: Repeats


@dataclass(frozen=True)
class _Baseline:
    """What a gate's cells are compared with."""

    results: _Results
    partners: dict[CellKey, SummaryRow]
    """The row of the baseline, by the cell that is compared with it."""
    unreadable: str = ""
    """Why there is none: no reason to leave the study without its report."""


def _read_baseline(gate: GatePlan, results: _Results) -> _Baseline:
    """Read a gate's baseline; an absolute gate has none."""
    if gate.baseline is None:
        return _Baseline(results, {})
    path = Path(gate.baseline)
    repeatability_json = StudyFolder(path.parent).repeatability
    try:
        rows = read_summary(path)
        # A baseline that does not say how well it repeats is taken to repeat as well.
        repeats = (
            read_repeats(repeatability_json) if repeatability_json.exists() else results.repeats
        )
    except UserError as error:
        return _Baseline(results, {}, str(error))
    pairs = match_cells(rows, results.rows).pairs
    partners = {CellKey(pair.b.dataset, pair.b.cell): pair.a for pair in pairs}
    return _Baseline(_Results(path.parent, rows, repeats), partners)


def _judge(place: int, gate: GatePlan, results: _Results) -> Iterator[Verdict]:
    baseline = _read_baseline(gate, results)
    for kind, bound in gate.list_bounds():
        for key in gate.cells:
            row = results.rows[key]
            verdict = Verdict(
                gate=place,
                metric=gate.metric,
                unit=gate.unit,
                kind=kind,
                bound=bound,
                baseline=gate.baseline if kind.is_relative else None,
                dataset=key.dataset,
                cell=key.cell,
                value=_get_value(row, gate),
            )
            if verdict.value is None:
                obstacle = _explain_absence(row, gate, Cause.NOT_MEASURED)
                yield replace(verdict, obstacle=obstacle)
            elif kind.is_relative:
                yield _judge_relative(verdict, gate, row, baseline, results)
            else:
                is_max = kind is LimitKind.MAX
                kept = verdict.value <= bound if is_max else verdict.value >= bound
                yield replace(verdict, kept=kept)


def _judge_relative(
    verdict: Verdict, gate: GatePlan, row: SummaryRow, baseline: _Baseline, results: _Results
) -> Verdict:
    base_row = baseline.partners.get(CellKey(row.dataset, row.cell))
    if baseline.unreadable:
        obstacle = Obstacle(Cause.BASELINE_UNREADABLE, None, baseline.unreadable)
        return replace(verdict, obstacle=obstacle)
    if base_row is None:
        return replace(verdict, obstacle=Obstacle(Cause.BASELINE_LACKS_CELL, None, ""))
    if _get_value(base_row, gate) is None:
        obstacle = _explain_absence(base_row, gate, Cause.BASELINE_NOT_MEASURED)
        return replace(verdict, obstacle=obstacle)
    base, difference = _compare(Pair(base_row, row), gate, baseline.results, results)
    is_increase = verdict.kind is LimitKind.INCREASE
    further = difference.estimate if is_increase else -difference.estimate
    return replace(
        verdict,
        kept=difference.within_noise or further <= abs(base) * verdict.bound / 100,
        base=base,
        difference=difference.estimate,
        low=difference.low,
        high=difference.high,
        repeatability=_get_repeatability(row, gate, results.repeats),
    )


def _compare(
    pair: Pair, gate: GatePlan, baseline: _Results, results: _Results
) -> tuple[float, Difference]:
    """Return the baseline's figure as it was compared, and the difference from it."""
    cost = _get_cost(gate)
    if cost is not None:
        rounds, base_rounds = get_rounds(pair.b, cost), get_rounds(pair.a, cost)
        if rounds and base_rounds:
            repeats = (results.repeats, baseline.repeats)
            return fmean(base_rounds), compute_cost_difference(
                pair.b, pair.a, cost, repeats=repeats, rounds=(rounds, base_rounds)
            )
    if gate.is_column and gate.metric != "wer_value":
        compared = compare_column(pair, gate.metric)
    else:
        compared = compare_quality(pair, _name_metric(gate), baseline.folder, results.folder)
    assert compared.base is not None, "both have a value"
    assert compared.difference is not None, "both have a value"
    return compared.base, compared.difference


def _get_cost(gate: GatePlan) -> Cost | None:
    """Return the gate's metric where it is a cost that is measured in rounds."""
    return next((cost for cost in COSTS if cost == gate.metric), None)


def _get_repeatability(row: SummaryRow, gate: GatePlan, repeats: Repeats) -> float | None:
    cost = _get_cost(gate)
    repeatability = None if cost is None else repeats.find(cost, row.device)
    return None if repeatability is None else repeatability.deviation


def _get_value(row: SummaryRow, gate: GatePlan) -> float | None:
    if gate.is_column:
        value = get_number(row, gate.metric)
    else:
        metric = read_metrics(row.metrics).get(gate.metric)
        value = None if metric is None else metric.value
    return None if value is None else float(value)


def _name_metric(gate: GatePlan) -> str:
    """Return the name of a figure of quality; the word error rate is a column too."""
    return "wer" if gate.metric == "wer_value" else gate.metric


def _explain_absence(row: SummaryRow, gate: GatePlan, cause: Cause) -> Obstacle:
    """Return why a cell has no such figure."""
    if row.status != Status.OK:
        return Obstacle(cause, row.status, _join_lines(row.reason))
    metric = read_metrics(row.metrics).get(_name_metric(gate))
    if metric is not None and metric.note:
        return Obstacle(cause, None, _join_lines(metric.note))
    if not gate.is_column:
        return Obstacle(cause, None, Sentence("no answer was scored by it"))
    return Obstacle(cause, None, _join_lines(explain_absence(row, gate.metric)))


def _join_lines(text: str | None) -> str:
    return " ".join((text or "").split())
