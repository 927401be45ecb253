"""Builds the report's first screen: which setting to deploy, and what is not measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlmeter.axes import Axes
from vlmeter.reporting.decision import (
    COST_OF,
    COSTS,
    Aim,
    Choice,
    Decision,
    Interval,
    get_energy,
    get_latency,
    get_sample_time,
)
from vlmeter.reporting.formats import format_difference
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.settings import format_group_title, format_setting
from vlmeter.results.numbers import (
    DASH,
    Scale,
    format_interval,
    format_number,
    format_signed,
    format_signed_percent,
)
from vlmeter.results.outline import Outline
from vlmeter.results.summary_row import SummaryRow
from vlmeter.status import Status

_SHOWN = 3
"""Most settings that a sentence lists."""
_REASONS = 6
"""Most reasons for missing measurements on the first screen."""


@dataclass(frozen=True)
class Tile:
    """The answer for one aim."""

    aim: str
    """`Aim`, for the page's style."""
    heading: str
    setting: str
    figures: tuple[str, ...]
    """Each with its interval."""
    against: tuple[str, ...]
    """How the setting differs from the reference, a text per figure."""
    verdict: str
    """better, same or unknown."""
    alike: str | None


@dataclass(frozen=True)
class Group:
    """The answers on one data set with one model."""

    title: str
    reference: str
    """A sentence about the cell that the others are compared with."""
    tiles: tuple[Tile, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """Cells without a measurement that share a status and a reason."""

    count: int
    status: str
    reason: str
    example: str


@dataclass(frozen=True)
class Answer:
    """The first screen."""

    groups: tuple[Group, ...]
    missing: tuple[Missing, ...]
    more_missing: int
    """Number of cells with a reason that is not listed."""


def build_answer(
    outline: Outline, decisions: Sequence[Decision], rows: Sequence[SummaryRow]
) -> Answer:
    """Build the first screen.

    Args:
        outline: The study's outline.
        decisions: The result of `decide`.
        rows: The rows of `summary.csv`.
    """
    groups = [_build_group(outline, decision) for decision in decisions if decision.rows]
    missing = list(_group_missing(outline, rows))
    return Answer(
        groups=tuple(groups),
        missing=tuple(missing[:_REASONS]),
        more_missing=sum(entry.count for entry in missing[_REASONS:]),
    )


def _build_group(outline: Outline, decision: Decision) -> Group:
    base = outline.base
    return Group(
        title=format_group_title(outline.labels, decision.dataset, decision.model),
        reference=_describe_reference(outline, decision),
        tiles=tuple(_build_tile(choice, decision, base) for choice in decision.choices),
        notes=tuple(_list_notes(decision, base)),
    )


def _describe_reference(outline: Outline, decision: Decision) -> str:
    if decision.reference is None:
        return say("answer.no_reference")
    setting = format_setting(decision.reference, outline.base)
    is_base = outline.base_cells.get(decision.dataset) == decision.reference_cell
    figures = [
        _format_figure(figure, decision.reference) for figure in ("latency", "throughput", "energy")
    ]
    joined = ", ".join(filter(None, figures))
    if is_base:
        return say("answer.against_base", figures=joined)
    return say("answer.against", setting=setting, figures=joined)


def _build_tile(choice: Choice, decision: Decision, base: Axes) -> Tile:
    figures = ("latency", "throughput", "energy") if choice.aim is Aim.KNEE else (choice.aim,)
    return Tile(
        aim=choice.aim,
        heading=say(f"aim.{choice.aim}"),
        setting=format_setting(choice.row, base),
        figures=tuple(filter(None, (_format_figure(name, choice.row) for name in figures))),
        against=tuple(_compare_with_reference(choice, decision, base)),
        verdict=_judge(choice),
        alike=_describe_alike(choice, base),
    )


def _judge(choice: Choice) -> str:
    if choice.is_reference:
        return "same"
    judged = tuple(COSTS) if choice.aim is Aim.KNEE else (COST_OF[choice.aim],)
    changes = [choice.changes[name] for name in judged if name in choice.changes]
    is_better = any(change.significant and change.estimate < 0 for change in changes)
    return "better" if is_better else "unknown"


def _compare_with_reference(choice: Choice, decision: Decision, base: Axes) -> Iterator[str]:
    """Yield how the choice differs from the reference, per figure that was compared."""
    if decision.reference is None:
        return
    if choice.challenger is not None:
        row, change = choice.challenger
        yield say(
            "answer.nothing_better",
            setting=format_setting(row, base),
            change=format_difference(change, format_signed_percent),
        )
    elif choice.is_reference:
        yield say("answer.is_reference")
    else:
        for name in COSTS:
            if name in choice.changes:
                words = format_difference(choice.changes[name], format_signed_percent)
                yield f"{say(f'answer.{name}')} {words}"
        if decision.quality is not None:
            label = translate(decision.quality.label)
            quality = choice.changes.get("quality")
            words = DASH if quality is None else format_difference(quality, format_signed)
            yield f"{label} {words}"


def _format_figure(name: str, row: SummaryRow) -> str:
    """Return a figure of a cell with its interval and unit; empty where it is not measured."""
    if name == "throughput":
        time = get_sample_time(row)
        return "" if time is None else _format_rate(time)
    cost = get_energy(row) if name == "energy" else get_latency(row)
    if cost is None:
        return ""
    unit, per = ("J", say("per.sample")) if name == "energy" else ("s", say("per.batch"))
    scale = Scale.of([cost.value], unit)
    ends = "" if cost.low == cost.high else format_interval(cost.low, cost.high, scale.format)
    return f"{scale.format(cost.value)} {scale.unit}{per} {ends}".rstrip()


def _format_rate(time: Interval) -> str:
    """Return samples per second with an interval; without it where the time reaches zero."""
    has_interval = 0 < time.low != time.high
    ends = format_interval(1 / time.high, 1 / time.low, format_number) if has_interval else ""
    return f"{format_number(1 / time.value)} {say('answer.samples_per_s')} {ends}".rstrip()


def _describe_alike(choice: Choice, base: Axes) -> str | None:
    if not choice.alike:
        return None
    names = list(dict.fromkeys(format_setting(row, base) for row in choice.alike))
    names = [name for name in names if name != format_setting(choice.row, base)]
    if not names:
        return None
    return say("answer.alike", settings=_join_settings(names))


def _join_settings(names: Sequence[str]) -> str:
    """Join the first settings, with the number of those that are left out."""
    shown = list(names[:_SHOWN])
    if len(names) > _SHOWN:
        shown.append(say("list.more", count=len(names) - _SHOWN))
    return "; ".join(shown)


def _list_notes(decision: Decision, base: Axes) -> Iterator[str]:
    if decision.quality is None:
        yield say("answer.no_quality")
        return
    label = translate(decision.quality.label)
    kinds = ("better", decision.better), ("worse", decision.worse), ("unjudged", decision.unjudged)
    for kind, rows in kinds:
        if rows:
            settings = _join_settings([format_setting(row, base) for row in rows])
            yield say(f"answer.{kind}", count=len(rows), settings=settings, metric=label)
    if not decision.worse and decision.reference is not None and len(decision.rows) > 1:
        yield say("answer.none_worse", metric=label)


def _group_missing(outline: Outline, rows: Sequence[SummaryRow]) -> Iterator[Missing]:
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        if row.status != Status.OK:
            groups.setdefault((row.status, row.reason or ""), []).append(row)
    for (status, reason), lost in groups.items():
        yield Missing(
            count=len(lost),
            status=status,
            reason=translate(reason) if reason else say("section.no_reason"),
            example=f"{outline.datasets[lost[0].dataset].label}: "
            f"{format_setting(lost[0], outline.base)}",
        )
