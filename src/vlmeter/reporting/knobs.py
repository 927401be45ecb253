"""Says what each axis does, by rules from the differences between pairs of cells."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.axes import AXIS_NAMES, GENERATION_AXES
from vlmeter.decision.candidates import Contest
from vlmeter.decision.decide_study import Decided
from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.formats import format_difference, get_value_label, join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.verdict import KnobLine
from vlmeter.results.difference_row import DifferenceRow, get_difference
from vlmeter.results.numbers import format_number, format_signed, format_signed_percent
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences, Summary
from vlmeter.storage.layout import CellKey

MOST_KNOBS = 4
"""Most sentences on what axes do."""


@dataclass(frozen=True)
class _Pair:
    """Two cells that differ in one axis."""

    contest: Contest
    axis: str
    row: SummaryRow
    base: SummaryRow
    time: Difference | None
    """Of the time per sample, as a share of the base's; None where other programs disturbed it."""
    quality: Difference | None
    quality_base: float
    is_same: bool
    """Whether both are one candidate."""

    @property
    def keys(self) -> tuple[CellKey, ...]:
        """What identifies the two cells."""
        return tuple(CellKey(row.dataset, row.cell) for row in (self.row, self.base))

    @property
    def says_something(self) -> bool:
        """Whether it was compared in anything, or computes the same."""
        return self.is_same or self.time is not None or self.quality is not None

    @property
    def weight(self) -> tuple[int, float]:
        """How much the difference matters: quality before time, then by size."""
        if self.quality is not None and self.quality.significant:
            return 2, abs(self.quality.estimate)
        if self.time is not None and self.time.significant and not self.is_same:
            share = self.time.estimate
            return 1, max(1 + share, 1 / (1 + share))
        return 0, 0.0


def describe_knobs(
    outline: Outline, summary: Summary, differences: Differences, decided: Sequence[Decided]
) -> list[KnobLine]:
    """Return a sentence for each axis that was varied alone, those that matter most first.

    The pair of cells with the greatest measurable effect speaks for its axis.

    Args:
        outline: The study's outline.
        summary: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        decided: The contests with their decisions.
    """
    pairs: dict[str, list[_Pair]] = {}
    for pair in _list_pairs(summary, differences.values(), [entry.contest for entry in decided]):
        pairs.setdefault(pair.axis, []).append(pair)
    strongest = {axis: max(group, key=lambda pair: pair.weight) for axis, group in pairs.items()}
    order = sorted(
        (axis for axis in strongest if any(pair.says_something for pair in pairs[axis])),
        key=lambda axis: strongest[axis].weight,
        reverse=True,
    )
    return [
        KnobLine(axis, _describe(pair, pairs[axis], outline), pair.keys)
        for axis in order[:MOST_KNOBS]
        for pair in [strongest[axis]]
    ]


def _list_pairs(
    summary: Summary, differences: Iterable[DifferenceRow], contests: Sequence[Contest]
) -> Iterator[_Pair]:
    by_key = {(contest.dataset, contest.model): contest for contest in contests}
    candidates = {
        (contest.dataset, cell): candidate.cell
        for contest in contests
        for candidate in contest.candidates
        for cell in candidate.members
    }
    for difference in differences:
        row = summary.get(CellKey(difference.dataset, difference.cell))
        base = summary.get(CellKey(difference.dataset, difference.base))
        if row is None or base is None:
            continue
        contest = by_key.get((row.dataset, row.model))
        changed = [name for name in AXIS_NAMES if getattr(row, name) != getattr(base, name)]
        if contest is None or len(changed) != 1 or row.latency is None or base.latency is None:
            continue
        if not GENERATION_AXES.isdisjoint(changed):
            continue
        # Other programs change what a setting costs, never what it answers.
        disturbed = row.disturbed or base.disturbed
        time = None if disturbed else get_difference(difference, "sample_time")
        quality = get_difference(difference, "task") or get_difference(difference, "wer")
        yield _Pair(
            contest=contest,
            axis=changed[0],
            row=row,
            base=base,
            time=time.difference.as_share_of(time.base) if time and time.base else None,
            quality=None if quality is None else quality.difference,
            quality_base=0.0 if quality is None else quality.base,
            is_same=candidates.get((row.dataset, row.cell))
            == candidates.get((base.dataset, base.cell)),
        )


def _describe(pair: _Pair, pairs: Sequence[_Pair], outline: Outline) -> str:
    axis = say(f"axis_heading.{pair.axis}")
    if all(it.is_same for it in pairs):
        values = {getattr(row, pair.axis): None for it in pairs for row in (it.base, it.row)}
        shown = join_words(
            [get_value_label(pair.axis, value) for value in sorted(values, key=_sort)]
        )
        return say("knob.same", axis=axis, values=shown)
    parts = [*_list_quality(pair), *_list_costs(pair)]
    return say(
        "knob.changed",
        axis=axis,
        base=get_value_label(pair.axis, getattr(pair.base, pair.axis)),
        value=get_value_label(pair.axis, getattr(pair.row, pair.axis)),
        dataset=outline.labels.datasets.get(pair.row.dataset, pair.row.dataset),
        effects="; ".join(parts),
    )


def _sort(value: Any) -> tuple[bool, Any]:  # noqa: ANN401 - a text or a number
    return isinstance(value, str), value


def _list_quality(pair: _Pair) -> Iterator[str]:
    if pair.quality is None or pair.contest.metric is None:
        return
    metric = translate(pair.contest.metric)
    if not pair.quality.significant:
        yield say("knob.same_quality", metric=metric)
        return
    yield say(
        "knob.quality",
        metric=metric,
        base=format_number(pair.quality_base),
        value=format_number(pair.quality_base + pair.quality.estimate),
        change=format_signed(pair.quality.estimate),
    )


def _list_costs(pair: _Pair) -> Iterator[str]:
    if pair.time is None:
        return
    yield say("knob.time", change=format_difference(pair.time, format_signed_percent))
