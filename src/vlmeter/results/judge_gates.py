"""Judges a study by its gates: which limits are kept, which are broken, and by what figure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from vlmeter.errors import UserError
from vlmeter.results.differences import (
    compare_costs,
    compare_plain,
    compare_quality,
    find_metric,
    read_rounds,
)
from vlmeter.results.gates import Cause, GatePlan, Judgement, LimitKind, Obstacle, Verdict
from vlmeter.results.matching import Pair, match_cells
from vlmeter.results.repeatability import COSTS, Repeats, read_repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import read_summary
from vlmeter.status import Status
from vlmeter.storage.files import write_json
from vlmeter.storage.layout import CellKey


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
