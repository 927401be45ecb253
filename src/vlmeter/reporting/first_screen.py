"""Builds the page's first screen: the verdict, the best settings by goal, the chips."""

from collections.abc import Iterator, Sequence

from vlmeter.decision.build_contests import is_metered
from vlmeter.decision.decide_study import Decided, decide_study
from vlmeter.decision.decision import Goal
from vlmeter.reporting.goals import Words, build_goals, describe_nearest, format_latency
from vlmeter.reporting.knobs import describe_knobs
from vlmeter.reporting.language import say
from vlmeter.reporting.packed_contests import pack_contests
from vlmeter.reporting.settings import list_changed_axes
from vlmeter.reporting.verdict import Chip, FirstScreen, Verdict
from vlmeter.results.numbers import format_percent
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import Repeats
from vlmeter.results.summary_row import SummaryRow
from vlmeter.results.tables import Differences, Summary
from vlmeter.status import Status
from vlmeter.storage.layout import CellKey


def build_first_screen(
    outline: Outline, summary: Summary, differences: Differences, repeats: Repeats
) -> FirstScreen:
    """Build the first screen.

    Args:
        outline: The study's outline.
        summary: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        repeats: How well costs repeat.
    """
    decided = decide_study(outline, summary.values(), differences, repeats)
    knobs = tuple(describe_knobs(outline, summary, differences, decided))
    of_knobs = (key for knob in knobs for key in knob.cells)
    return FirstScreen(
        verdict=Verdict(describe_verdict(outline, summary, decided), knobs),
        goals=build_goals(outline, summary, decided),
        chips=tuple(list_chips(list(summary.values()), repeats)),
        contests=_pack_contests(outline, summary, decided),
        named=tuple(dict.fromkeys([*_list_named(decided), *of_knobs])),
    )


def describe_verdict(outline: Outline, summary: Summary, decided: Sequence[Decided]) -> str:
    """Return what to deploy, by the data set on which most settings can be chosen from."""
    if not decided:
        return say("answer.nothing")
    first = max(decided, key=lambda entry: len(entry.contest.candidates))
    contest, decision = first.contest, first.decision
    words = Words(outline, summary, contest)
    cells = {choice.goal: choice.cell for choice in decision.choices}
    if not cells:
        reason = "decision.nothing" if decision.nearest is None else None
        return say(reason) if reason else describe_nearest(words, decision)
    settings = {goal: words.name(cell) for goal, cell in cells.items()}
    deploy, row = settings[Goal.BALANCE], words.get_row(cells[Goal.BALANCE])
    others = {_name_deployed(outline, summary, entry) for entry in decided} - {deploy, None}
    where = say("verdict.of_dataset", dataset=words.title) if others else ""
    values = {"setting": deploy, "time": format_latency(row)}
    if len(contest.candidates) == 1:
        return where + say("verdict.single", **values)
    tied = next(choice.tied for choice in decision.choices if choice.goal is Goal.BALANCE)
    if tied:
        changed = {*list_changed_axes(row, outline.base)} - {"model"}
        key = "verdict.no_winner" if changed else "verdict.no_winner_base"
        return where + say(key, setting=deploy, settings=words.join([*map(words.name, tied)]))
    fast, bulk = settings[Goal.LATENCY], settings[Goal.THROUGHPUT]
    key = f"verdict.deploy{'_fast' if fast != deploy else ''}{'_bulk' if bulk != deploy else ''}"
    return where + say(key, **values, fast=fast, bulk=bulk)


def _name_deployed(outline: Outline, summary: Summary, decided: Decided) -> str | None:
    choices = decided.decision.choices
    cell = next((it.cell for it in choices if it.goal is Goal.BALANCE), None)
    return None if cell is None else Words(outline, summary, decided.contest).name(cell)


def list_chips(rows: Sequence[SummaryRow], repeats: Repeats) -> Iterator[Chip]:
    """Yield short statements on what was measured and how far it can be trusted."""
    measured = [row for row in rows if row.status == Status.OK]
    whole = len(measured) == len(rows)
    counts = {"measured": len(measured), "count": len(rows)}
    yield Chip("good" if whole else "plain", say("chip.measured", **counts), "measured")
    disturbed = sum(bool(row.disturbed) for row in measured)
    if disturbed:
        yield Chip("warning", say("chip.disturbed", count=disturbed), "disturbed")
    with_energy = [row for row in measured if row.energy is not None]
    if with_energy:
        metered = all(map(is_metered, with_energy))
        kind, key = ("good", "chip.metered") if metered else ("warning", "chip.estimated")
        yield Chip(kind, say(key), "energy")  # type: ignore[arg-type]
    yield from _list_repeat_chips(repeats)
    for status in Status:
        count = sum(row.status == status for row in rows)
        if status is not Status.OK and count:
            text = say("page.status_count", count=count, status=say(f"status.{status}"))
            yield Chip("plain", text, "lost")


def _list_repeat_chips(repeats: Repeats) -> Iterator[Chip]:
    for device, repeat in repeats.latency.items():
        label = say("chip.repeat", device=device, deviation=format_percent(repeat.deviation))
        yield Chip("plain", label, "repeatability")
    if not repeats.latency:
        yield Chip("warning", say("chip.no_repeat"), "repeatability")


def _pack_contests(outline: Outline, summary: Summary, decided: Sequence[Decided]) -> str:
    words = [Words(outline, summary, entry.contest) for entry in decided]
    names = [{cell: own.name(cell) for cell in own.candidates} for own in words]
    return pack_contests(zip(decided, names, strict=True))


def _list_named(decided: Sequence[Decided]) -> Iterator[CellKey]:
    """Yield the settings that the decisions name."""
    for contest, decision in ((entry.contest, entry.decision) for entry in decided):
        nearest = None if decision.nearest is None else decision.nearest.cell
        chosen = (cell for choice in decision.choices for cell in (choice.cell, choice.best))
        for cell in (*chosen, decision.bar, nearest, contest.reference):
            if cell:
                yield CellKey(contest.dataset, cell)
