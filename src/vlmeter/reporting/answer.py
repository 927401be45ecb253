"""The report's first screen: which setting to deploy, against what, and what is unknown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlmeter.record import Status
from vlmeter.reporting.decision import Aim, Change, Choice, Decision, Interval, energy, latency
from vlmeter.reporting.decision import sample_time as time_of_sample
from vlmeter.reporting.formats import (
    DASH,
    Scale,
    interval,
    number,
    signed,
    signed_percent,
)
from vlmeter.reporting.frames import Row
from vlmeter.reporting.language import recorded, say
from vlmeter.reporting.naming import group_title, setting_words

Plain = Mapping[str, Any]

_SHOWN = 3
"""Settings that are named where several are alike."""
_REASONS = 6
"""Reasons for what was not measured that stand on the first screen."""


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
    """How it differs from the reference."""
    verdict: str
    """better, same or unknown."""
    alike: str | None


@dataclass(frozen=True)
class Group:
    """The answers on one data set with one model."""

    title: str
    reference: str
    """What the others are compared with, in a sentence."""
    tiles: tuple[Tile, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Missing:
    """Cells that ended for one reason."""

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
    """Cells that ended for other reasons than those listed."""


def answer(outline: Plain, decisions: Sequence[Decision], rows: Sequence[Row]) -> Answer:
    """Return the first screen.

    Args:
        outline: The study's outline.
        decisions: What `decide` found.
        rows: The rows of `summary.csv`.
    """
    groups = [_group(outline, one) for one in decisions if one.rows]
    missing = list(_missing(outline, rows))
    return Answer(
        groups=tuple(groups),
        missing=tuple(missing[:_REASONS]),
        more_missing=sum(one.count for one in missing[_REASONS:]),
    )


def _group(outline: Plain, decision: Decision) -> Group:
    base = outline["base"]
    return Group(
        title=group_title(outline, decision.dataset, decision.model),
        reference=_reference(outline, decision),
        tiles=tuple(_tile(choice, decision, base) for choice in decision.choices),
        notes=tuple(_notes(decision, base)),
    )


def _reference(outline: Plain, decision: Decision) -> str:
    if decision.reference is None:
        return say("answer.no_reference")
    setting = setting_words(decision.reference, outline["base"])
    known = outline["base_cells"].get(decision.dataset) == decision.reference_cell
    told = [_figure(figure, decision.reference) for figure in ("latency", "throughput", "energy")]
    figures = ", ".join(one for one in told if one)
    if known:
        return say("answer.against_base", figures=figures)
    return say("answer.against", setting=setting, figures=figures)


def _tile(choice: Choice, decision: Decision, base: Plain) -> Tile:
    figures = ("latency", "throughput", "energy") if choice.aim is Aim.KNEE else (choice.aim,)
    return Tile(
        aim=choice.aim,
        heading=say(f"aim.{choice.aim}"),
        setting=setting_words(choice.row, base),
        figures=tuple(filter(None, (_figure(name, choice.row) for name in figures))),
        against=tuple(_against(choice, decision, base)),
        verdict=_verdict(choice),
        alike=_alike(choice, base),
    )


def _verdict(choice: Choice) -> str:
    if choice.is_reference:
        return "same"
    if choice.aim is Aim.KNEE:
        return "better"
    name = "sample_time" if choice.aim is Aim.THROUGHPUT else choice.aim
    change = choice.changes.get(name)
    return "better" if change is not None and change.differs else "unknown"


def _against(choice: Choice, decision: Decision, base: Plain) -> Iterator[str]:
    """Say how the choice differs from the reference, in each figure that was compared."""
    if decision.reference is None:
        return
    if choice.challenger is not None:
        row, change = choice.challenger
        yield say(
            "answer.nothing_better",
            setting=setting_words(row, base),
            change=_share(change),
        )
    elif choice.is_reference:
        yield say("answer.is_reference")
    else:
        for name in ("latency", "sample_time", "energy"):
            if name in choice.changes:
                yield f"{say(f'answer.{name}')} {_share(choice.changes[name])}"
        if decision.quality is not None:
            label = recorded(decision.quality.label)
            quality = choice.changes.get("quality")
            yield f"{label} {DASH if quality is None else _plain(quality)}"


def _share(change: Change) -> str:
    """Return a difference of cost as a share of the reference's."""
    return _told(change, signed_percent)


def _plain(change: Change) -> str:
    return _told(change, signed)


def _told(change: Change, write: Any) -> str:  # noqa: ANN401 - how a number is written
    if change.low is None or change.high is None:
        return say("difference.no_interval", value=write(change.value))
    head = write(change.value) if change.differs else say("difference.none")
    ends = f"[{write(change.low)}, {write(change.high)}]"
    return head if change.low == change.high == 0 else f"{head} {ends}"


def _figure(name: str, row: Row) -> str:
    """Return one of a cell's figures with its interval and unit; empty where it has none."""
    if name == "throughput":
        found = time_of_sample(row)
        return "" if found is None else _rate(found)
    found = energy(row) if name == "energy" else latency(row)
    if found is None:
        return ""
    unit, per = ("J", say("per.sample")) if name == "energy" else ("s", say("per.batch"))
    scale = Scale.of([found.value], unit)
    ends = "" if found.low == found.high else interval(found.low, found.high, scale.factor)
    return f"{scale.text(found.value)} {scale.unit}{per} {ends}".rstrip()


def _rate(time: Interval) -> str:
    """Return samples per second with an interval, which a time that reaches zero has not."""
    ends = "" if time.low == time.high or time.low <= 0 else interval(1 / time.high, 1 / time.low)
    return f"{number(1 / time.value)} {say('answer.samples_per_s')} {ends}".rstrip()


def _alike(choice: Choice, base: Plain) -> str | None:
    if not choice.alike:
        return None
    names = list(dict.fromkeys(setting_words(row, base) for row in choice.alike))
    names = [name for name in names if name != setting_words(choice.row, base)]
    if not names:
        return None
    shown = names[:_SHOWN]
    if len(names) > _SHOWN:
        shown.append(say("list.more", count=len(names) - _SHOWN))
    return say("answer.alike", settings="; ".join(shown))


def _notes(decision: Decision, base: Plain) -> Iterator[str]:
    if decision.quality is None:
        yield say("answer.no_quality")
        return
    label = recorded(decision.quality.label)
    kinds = ("better", decision.better), ("worse", decision.worse), ("unjudged", decision.unjudged)
    for kind, rows in kinds:
        if rows:
            names = [setting_words(row, base) for row in rows[:_SHOWN]]
            if len(rows) > _SHOWN:
                names.append(say("list.more", count=len(rows) - _SHOWN))
            yield say(f"answer.{kind}", count=len(rows), settings="; ".join(names), metric=label)
    if not decision.worse and decision.reference is not None and len(decision.rows) > 1:
        yield say("answer.none_worse", metric=label)


def _missing(outline: Plain, rows: Sequence[Row]) -> Iterator[Missing]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["status"] != Status.OK:
            groups.setdefault((row["status"], row["reason"] or ""), []).append(row)
    for (status, reason), lost in groups.items():
        labels = outline["datasets"]
        yield Missing(
            count=len(lost),
            status=status,
            reason=recorded(reason) if reason else say("section.no_reason"),
            example=f"{labels[lost[0]['dataset']]['label']}: "
            f"{setting_words(lost[0], outline['base'])}",
        )
