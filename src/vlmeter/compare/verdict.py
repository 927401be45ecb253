"""Says in a sentence what a study changes against the base, and what puts that in doubt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from vlmeter.compare.figures import ComparedCell, ComparedFigure, Comparison
from vlmeter.compare.parts import average_ratios, name_figure
from vlmeter.compare.words import BASE, name_dataset
from vlmeter.decision.build_contests import is_metered
from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.formats import join_words
from vlmeter.reporting.language import say
from vlmeter.reporting.remarks import was_slowed
from vlmeter.results.exported import Exported
from vlmeter.results.matching import Pair
from vlmeter.results.numbers import format_number, format_signed
from vlmeter.results.outline import Outline
from vlmeter.results.study_differences import has_same_samples
from vlmeter.results.summary_row import SummaryRow

_TAIL = 0.025
"""What an interval of 95 % leaves out at each end."""


@dataclass(frozen=True)
class Doubt:
    """What a reader must know before reading the first figure."""

    anchor: str
    chip: str
    text: str


def describe_verdict(comparison: Comparison) -> str:
    """Return what is faster, slower, better or worse beyond the noise, or that nothing is.

    Disturbed measurements count only where there are no others, and energy only where both studies
    metered it, for else it follows time.
    """
    letter = comparison.letter
    if not comparison.measured:
        return say("compare_verdict.nothing", base=BASE, letter=letter)
    changes = [text for figure in comparison.figures for text in _describe_changes(figure)]
    if not changes:
        return say("compare_verdict.none", base=BASE, letter=letter, count=len(comparison.measured))
    return say("compare_verdict.changes", base=BASE, letter=letter, changes="; ".join(changes))


def _describe_changes(figure: ComparedFigure) -> Iterator[str]:
    cells = _select_judged(figure)
    sure = [cell for cell in cells if is_sure(_get_difference(cell), len(cells))]
    for sign, word in ((-1, "less"), (1, "more")):
        own = [cell for cell in sure if _get_difference(cell).estimate * sign > 0]
        if not own:
            continue
        if figure.kind == "cost":
            key, change = f"compare_verdict.{figure.name}_{word}", _format_ratio(own)
        else:
            is_better = (sign > 0) == figure.higher_is_better
            key = "compare_verdict.better" if is_better else "compare_verdict.worse"
            change = format_signed(fmean(_get_difference(cell).estimate for cell in own))
        yield say(key, figure=name_figure(figure), number=len(own), cells=len(cells), change=change)


def _select_judged(figure: ComparedFigure) -> Sequence[ComparedCell]:
    cells: Sequence[ComparedCell] = figure.cells
    if figure.name == "energy":
        cells = [cell for cell in cells if all(map(is_metered, _list_rows(cell.pair)))]
    if figure.kind == "cost":
        calm = [cell for cell in cells if not any(row.disturbed for row in _list_rows(cell.pair))]
        cells = calm or cells
    return cells


def _list_rows(pair: Pair) -> tuple[SummaryRow, SummaryRow]:
    return pair.a, pair.b


def _get_difference(cell: ComparedCell) -> Difference:
    difference = cell.figures.difference
    assert difference is not None, "only figures with a difference are judged"
    return difference


def is_sure(difference: Difference, comparisons: int) -> bool:
    """Say whether a difference is beyond the noise where it is one of several that are looked at.

    Of twenty intervals of 95 % one excludes zero by chance alone. So each is widened to what is
    left of its 5 % for one of them (Bonferroni), by the ratio of the normal quantiles.
    """
    if not difference.significant or difference.low is None or difference.high is None:
        return False
    end = difference.low if difference.estimate > 0 else difference.high
    normal = NormalDist()
    wider = normal.inv_cdf(1 - _TAIL / comparisons) / normal.inv_cdf(1 - _TAIL)
    return abs(difference.estimate) > wider * abs(difference.estimate - end)


def _format_ratio(cells: Sequence[ComparedCell]) -> str:
    return f"{format_number(average_ratios(cells))}×"


def list_doubts(base: Exported, outline: Outline, comparison: Comparison) -> Iterator[Doubt]:
    """Yield what puts the comparison of a study with the base in doubt.

    Args:
        base: The base.
        outline: Its outline in the current language.
        comparison: The other study.
    """
    letter, both = comparison.letter, comparison.measured

    def build(kind: str, **values: object) -> Doubt:
        values |= {"letter": letter, "base": BASE, "cells": len(both)}
        return Doubt(
            f"doubt-{letter}-{kind}",
            say(f"compare_chip.{kind}", **values),
            say(f"compare_doubt.{kind}", **values),
        )

    hosts = [
        {row.machine_host for row in study.rows.values() if row.machine_host}
        for study in (base, comparison.study)
    ]
    if all(hosts) and hosts[0] != hosts[1]:
        yield build("hardware")
    other = [pair for pair in both if pair.a.shape_digest != pair.b.shape_digest]
    if other:
        yield build("input", number=len(other))
    datasets = dict.fromkeys(pair.dataset for pair in both if not has_same_samples(pair))
    if datasets:
        yield build("samples", names=join_words([name_dataset(outline, name) for name in datasets]))
    models = {(pair.a.model, pair.b.model) for pair in comparison.matched.pairs}
    renamed = [f"{a} → {b}" for a, b in sorted(models) if a != b]
    if renamed:
        yield build("models", names=", ".join(renamed))
    causes = {"slowed": was_slowed, "disturbed": _was_disturbed_otherwise}
    for kind, was_affected in causes.items():
        count = sum(any(map(was_affected, _list_rows(pair))) for pair in both)
        if count:
            yield build(kind, number=count)


def _was_disturbed_otherwise(row: SummaryRow) -> bool:
    # What slows a GPU down disturbs its cell too.
    return bool(row.disturbed) and not was_slowed(row)
