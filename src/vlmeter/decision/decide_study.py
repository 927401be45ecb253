"""Decides what to deploy on each data set of a study."""

from collections.abc import Iterable
from dataclasses import dataclass

from vlmeter.decision.build_contests import build_contests
from vlmeter.decision.candidates import Contest
from vlmeter.decision.choose import choose
from vlmeter.decision.decision import Decision
from vlmeter.results.limits import Limits
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences


@dataclass(frozen=True)
class Decided:
    """A contest with its decision."""

    contest: Contest
    limits: Limits
    """Those that the decision keeps."""
    decision: Decision


def decide(contest: Contest, limits: Limits) -> Decided:
    """Return a contest with its decision under limits."""
    return Decided(contest, limits, choose(contest, limits))


def decide_study(
    outline: Outline, rows: Iterable[SummaryRow], differences: Differences, repeats: Repeats
) -> list[Decided]:
    """Return the contests of a study with their decisions under the config's limits.

    Args:
        outline: The study's outline.
        rows: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        repeats: How well costs repeat.
    """
    contests = build_contests(rows, differences, repeats, outline)
    return [decide(contest, outline.limits.of_dataset(contest.dataset)) for contest in contests]
