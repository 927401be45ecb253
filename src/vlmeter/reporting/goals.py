"""Builds the table of the best settings by goal."""

import math
from collections.abc import Iterator, Sequence

from vlmeter.decision.build_contests import is_metered
from vlmeter.decision.candidates import Candidate, Contest, Quality
from vlmeter.decision.decide_study import Decided
from vlmeter.decision.decision import Choice, Decision, Goal, Miss
from vlmeter.reporting.formats import get_value_label
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_axis_value, format_group_title, format_setting
from vlmeter.reporting.verdict import GoalCell, GoalRow, Goals
from vlmeter.results.numbers import (
    DASH,
    format_interval,
    format_number,
    format_quantity,
    format_signed,
)
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Summary
from vlmeter.storage.layout import CellKey

_SHOWN = 3
"""Most settings that a sentence lists."""
SHARES_OF_RIGHT = frozenset({"accuracy", "exact_match", "vqa_accuracy"})
"""Metrics whose value is the share of right answers."""
_UNITS = {"max_latency_s": "s", "max_memory_gb": "GB", "max_energy_j": "J", "min_quality": ""}


class Words:
    """Names the settings of a contest."""

    def __init__(self, outline: Outline, summary: Summary, contest: Contest) -> None:
        self._outline = outline
        self._summary = summary
        self.contest = contest
        self.candidates = {it.cell: it for it in contest.candidates}

    def get_row(self, cell: str) -> SummaryRow:
        """Return a cell's row of the summary."""
        return self._summary[CellKey(self.contest.dataset, cell)]

    def name(self, cell: str) -> str:
        """Return a cell's setting in words."""
        return format_setting(self.get_row(cell), self._outline.base)

    def join(self, names: Sequence[str]) -> str:
        """Join the first settings, with the number of those that are left out."""
        shown = list(dict.fromkeys(names))
        if len(shown) > _SHOWN:
            shown[_SHOWN:] = [say("list.more", count=len(shown) - _SHOWN)]
        return "; ".join(shown)

    @property
    def title(self) -> str:
        """The data set's label, with the model's where a study has several."""
        labels = self._outline.labels
        return format_group_title(labels, self.contest.dataset, self.contest.model)


def build_goals(outline: Outline, summary: Summary, decided: Sequence[Decided]) -> Goals:
    """Build the table of the best settings.

    Args:
        outline: The study's outline.
        summary: The rows of `summary.csv`.
        decided: The contests with their decisions.
    """
    chosen = {choice.goal for entry in decided for choice in entry.decision.choices}
    goals = [goal for goal in Goal if goal in chosen]
    return Goals(
        headings=tuple((goal.value, say(f"goal.{goal}")) for goal in goals),
        rows=tuple(
            _build_row(Words(outline, summary, entry.contest), entry.decision, goals, outline)
            for entry in decided
        ),
    )


def describe_nearest(words: Words, decision: Decision) -> str:
    """Say that nothing keeps the limits, and what comes nearest."""
    assert decision.nearest is not None, "asked only where nothing keeps the limits"
    misses = "; ".join(_describe_miss(miss) for miss in decision.nearest.misses)
    return say("decision.nearest", setting=words.name(decision.nearest.cell), misses=misses)


def format_latency(row: SummaryRow) -> str:
    """Return the time of a batch with its unit."""
    return format_quantity(row.latency, "s")


def _build_row(
    words: Words, decision: Decision, goals: Sequence[Goal], outline: Outline
) -> GoalRow:
    by_goal = {choice.goal: choice for choice in decision.choices}
    return GoalRow(
        dataset=words.contest.dataset,
        model=words.contest.model,
        title=words.title,
        cells=tuple(_build_cell(words, goal, by_goal.get(goal)) for goal in goals),
        notes=tuple(_list_notes(words, decision, outline)),
    )


def _build_cell(words: Words, goal: Goal, choice: Choice | None) -> GoalCell:
    if choice is None:
        return GoalCell(goal, "", DASH, (), (), clear=False, disturbed=False)
    candidate = words.candidates[choice.cell]
    only = len(words.contest.candidates) == 1
    return GoalCell(
        goal=goal,
        cell=choice.cell,
        setting=words.name(choice.cell),
        values=tuple(_list_values(words, goal, candidate)),
        notes=tuple(_list_cell_notes(words, choice, candidate)),
        clear=not choice.tied and not only,
        disturbed=candidate.disturbed,
    )


def _list_values(words: Words, goal: Goal, candidate: Candidate) -> Iterator[str]:
    """Yield a candidate's values, the goal's own first, then its quality."""
    row = words.get_row(candidate.cell)
    if goal is Goal.THROUGHPUT:
        yield from _list_generation_rates(words, row)
        if row.latency:
            yield say("decision.forward", rate=format_number(row.batch_size / row.latency))
        yield format_latency(row)
    elif goal is Goal.ENERGY and candidate.energy:
        yield from _list_energies(row, candidate.energy.value, candidate.quality)
    elif goal is not Goal.QUALITY:
        yield format_latency(row)
        if goal is Goal.BALANCE:
            yield from _list_generation_rates(words, row)
    if candidate.quality is not None and words.contest.metric is not None:
        is_task = row.task_value is not None
        own = (row.task_low, row.task_high) if is_task else (row.wer_low, row.wer_high)
        ends = format_interval(*own, format_number)
        value = format_number(candidate.quality.value)
        yield f"{translate(words.contest.metric)} {value} {ends}".rstrip()


def _list_energies(row: SummaryRow, joules: float, quality: Quality | None) -> Iterator[str]:
    """Yield the energy of a sample, and of a right answer where quality is a share of those."""
    yield format_quantity(joules, "J") + say("per.sample")
    if quality is not None and quality.value > 0 and row.task_metric in SHARES_OF_RIGHT:
        yield format_quantity(joules / quality.value, "J") + say("per.right_answer")
    if row.energy_per_token_j:
        yield say("decision.tokens_per_joule", rate=format_number(1 / row.energy_per_token_j))


def _list_generation_rates(words: Words, row: SummaryRow) -> Iterator[str]:
    """Yield the samples per second of generation, where it was timed for every setting."""
    if words.contest.throughput == "generation":
        yield say("decision.generation", rate=format_number(row.samples_per_s))


def _list_cell_notes(words: Words, choice: Choice, candidate: Candidate) -> Iterator[str]:
    if choice.tied:
        yield say("decision.tied", settings=words.join([words.name(it) for it in choice.tied]))
    if len(candidate.members) > 1:
        others = [words.name(cell) for cell in candidate.members[1:]]
        yield say("decision.same", settings=words.join(others))
    if candidate.disturbed and choice.goal is not Goal.QUALITY:
        yield say("decision.disturbed")


def _list_notes(words: Words, decision: Decision, outline: Outline) -> Iterator[str]:
    contest = words.contest
    if decision.nearest is not None:
        yield describe_nearest(words, decision)
    for axis, value in contest.not_varied.items():
        if axis == "batch_size" or value != outline.base.as_dict()[axis]:
            yield say("decision.only", value=format_axis_value(axis, get_value_label(axis, value)))
    if contest.metric is None:
        yield say("decision.no_quality")
    else:
        yield from _list_quality_notes(words, decision, translate(contest.metric))
    if decision.disturbed:
        names = [words.name(cell) for cell in decision.disturbed]
        yield say("decision.left_disturbed", count=len(names), settings=words.join(names))
    if contest.throughput == "forward":
        yield say("decision.no_generation")
    rows = [words.get_row(it.cell) for it in contest.candidates]
    if any(row.energy is not None for row in rows) and not any(map(is_metered, rows)):
        yield say("decision.no_meter")


def _list_quality_notes(words: Words, decision: Decision, metric: str) -> Iterator[str]:
    contest = words.contest
    if decision.bar is not None and contest.reference and decision.bar != contest.reference:
        yield say("decision.bar", metric=metric, setting=words.name(decision.bar))
    if decision.worse:
        bar = words.candidates[str(decision.bar)]
        names = [_describe_loss(words, words.candidates[cell], bar) for cell in decision.worse]
        yield say("decision.worse", metric=metric, settings=words.join(names))
    if decision.unjudged:
        names = [words.name(cell) for cell in decision.unjudged]
        yield say("decision.unjudged", metric=metric, settings=words.join(names))
    seen = _measure_unseen(words, decision)
    if seen is not None:
        key = "decision.as_good" if contest.samples else "decision.as_good_unknown"
        yield say(key, metric=metric, bound=format_number(seen), count=contest.samples or 0)


def _describe_loss(words: Words, candidate: Candidate, bar: Candidate) -> str:
    assert candidate.quality is not None
    assert bar.quality is not None
    change = format_signed(candidate.quality.value - bar.quality.value)
    return f"{words.name(candidate.cell)} ({change})"


def _measure_unseen(words: Words, decision: Decision) -> float | None:
    """Return how much quality may differ between what passes and the bar without being seen."""
    bar = None if decision.bar is None else words.candidates[decision.bar].quality
    if bar is None:
        return None
    left_out = {*decision.worse, *decision.unjudged, *decision.beyond, decision.bar}
    qualities = [it.quality for it in words.contest.candidates if it.cell not in left_out]
    bounds = [_measure_bound(quality, bar) for quality in qualities if quality is not None]
    return max((bound for bound in bounds if bound is not None), default=None)


def _measure_bound(quality: Quality, bar: Quality) -> float | None:
    """Return by how much two qualities may differ at most; None without an interval."""
    if None in (quality.below, quality.above, bar.below, bar.above):
        return None
    difference = quality.value - bar.value
    low = difference - math.hypot(quality.below or 0.0, bar.above or 0.0)
    high = difference + math.hypot(quality.above or 0.0, bar.below or 0.0)
    return max(-low, high)


def _describe_miss(miss: Miss) -> str:
    unit = _UNITS[miss.limit]
    value = say("decision.not_measured") if miss.value is None else _format_bound(miss.value, unit)
    return say(f"decision.{miss.limit}", value=value, bound=_format_bound(miss.bound, unit))


def _format_bound(value: float, unit: str) -> str:
    if unit == "GB":
        return format_quantity(value * 1e9, "B")
    return format_quantity(value, unit) if unit else format_number(value)
