"""Says for each figure what differs: verdicts, tables and notes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from vlmeter.compare.figures import WER, ComparedCell, ComparedFigure, Comparison
from vlmeter.compare.words import BASE, divide_by_table, name_dataset, name_setting
from vlmeter.reporting.formats import format_difference, join_words
from vlmeter.reporting.language import say, translate
from vlmeter.reporting.table import Table, TextColumn, build_table
from vlmeter.results.exported import Exported
from vlmeter.results.numbers import (
    DASH,
    Scale,
    format_number,
    format_percent,
    format_signed,
    format_signed_percent,
)
from vlmeter.results.outline import Outline
from vlmeter.results.repeatability import COSTS, Cost
from vlmeter.results.study_differences import UNPAIRED

_UNITS = {"latency": "s", "energy": "J", "peak_memory_bytes": "B", "flops": "FLOP"}
_UNSURE = ("noise", "equal")


@dataclass(frozen=True)
class Part:
    """The comparison of a figure over all settings that have it in both studies."""

    title: str
    verdicts: tuple[str, ...]
    """One for each study that has the figure."""
    changes: tuple[str, ...]
    """Those of them in which a setting differs."""
    tables: tuple[Table, ...]
    """None for studies in which every setting has exactly the base's figure."""
    notes: tuple[str, ...]


def build_parts(base: Exported, outline: Outline, others: Sequence[Comparison]) -> Iterator[Part]:
    """Yield a part per figure that settings have in both studies: costs first, then quality.

    Args:
        base: The study that the others are compared with.
        outline: Its outline in the current language.
        others: The other studies.
    """
    for name in dict.fromkeys(figure.name for other in others for figure in other.figures):
        figures = [
            (other, figure) for other in others if (figure := other.get_figure(name)) is not None
        ]
        yield Part(
            title=name_figure(figures[0][1]),
            verdicts=tuple(_describe_figure(other.letter, figure) for other, figure in figures),
            changes=tuple(
                _describe_figure(other.letter, figure)
                for other, figure in figures
                if any(_judge(figure, cell) not in _UNSURE for cell in figure.cells)
            ),
            tables=tuple(_tabulate_groups(outline, figures)),
            notes=tuple(_list_notes(base, figures)),
        )


def name_figure(figure: ComparedFigure) -> str:
    """Return the name of a figure."""
    return translate(figure.label) if figure.label else say(f"compare_figure.{figure.name}")


def average_ratios(cells: Sequence[ComparedCell]) -> float | None:
    """Return the geometric mean of how many times the base's figures a study has."""
    values = [(cell.figures.a, cell.figures.b) for cell in cells]
    logarithms = [math.log(b / a) for a, b in values if a and b and a > 0 and b > 0]
    return math.exp(fmean(logarithms)) if logarithms else None


def _describe_figure(letter: str, figure: ComparedFigure) -> str:
    words = [_judge(figure, cell) for cell in figure.cells]
    # What differs comes first.
    ordered = sorted(dict.fromkeys(words), key=lambda word: word in _UNSURE)
    counts = [
        say(f"compare_judged.{word}", letter=letter, number=words.count(word)) for word in ordered
    ]
    text = say("compare.counts", count=len(words), letter=letter, counts=", ".join(counts))
    ratio = average_ratios(figure.cells)
    if figure.kind == "quality" or ratio is None or all(cell.is_equal for cell in figure.cells):
        return text
    return f"{text}; {say('compare.together', letter=letter, factor=format_number(ratio))}"


def _judge(figure: ComparedFigure, cell: ComparedCell) -> str:
    difference = cell.figures.difference
    assert difference is not None, "only figures with a difference are judged"
    if cell.is_equal:
        return "equal"
    if difference.within_noise:
        return "noise"
    is_more = difference.estimate > 0
    if figure.kind == "quality":
        word = "better" if is_more == figure.higher_is_better else "worse"
    else:
        word = "more" if is_more else "less"
    return word if difference.significant else f"{word}_unsure"


def _tabulate_groups(
    outline: Outline, figures: Sequence[tuple[Comparison, ComparedFigure]]
) -> Iterator[Table]:
    shown = [(other, figure) for other, figure in figures if not _is_alike(figure)]
    by_letter = {other.letter: figure for other, figure in shown}
    for group in divide_by_table([other for other, _ in shown]) if shown else ():
        if len(group) == 1:
            yield _tabulate_pair(outline, group[0].letter, by_letter[group[0].letter])
        else:
            yield _tabulate_several(
                outline, {other.letter: by_letter[other.letter] for other in group}
            )


def _is_alike(figure: ComparedFigure) -> bool:
    return all(
        cell.is_equal and not (cell.changed and cell.changed.changed) for cell in figure.cells
    )


def _tabulate_pair(outline: Outline, letter: str, figure: ComparedFigure) -> Table:
    cells = figure.cells
    scale, unit = _choose_scale(figure)
    columns = [
        *_name_rows(outline, cells),
        TextColumn(f"{BASE}{unit}", [scale.format(cell.figures.a) for cell in cells], numeric=True),
        TextColumn(
            f"{letter}{unit}", [scale.format(cell.figures.b) for cell in cells], numeric=True
        ),
        _list_differences(letter, [_format_change(figure, cell) for cell in cells]),
    ]
    if figure.name == WER:
        changed = [
            DASH
            if cell.changed is None
            else say("difference.changed", changed=cell.changed.changed, shared=cell.changed.shared)
            for cell in cells
        ]
        columns.append(TextColumn(say("table.answers_changed"), changed, numeric=True))
    inputs = [say("compare.other" if _has_other_input(cell) else "compare.same") for cell in cells]
    return build_table([*columns, TextColumn(say("compare.input"), inputs)])


def _tabulate_several(outline: Outline, figures: dict[str, ComparedFigure]) -> Table:
    """Tabulate the base's figures, and each study's differences from them."""
    rows = {cell.pair.key: cell for figure in figures.values() for cell in figure.cells}
    scale, unit = _choose_scale(next(iter(figures.values())))
    columns = [
        *_name_rows(outline, list(rows.values())),
        TextColumn(
            f"{BASE}{unit}", [scale.format(cell.figures.a) for cell in rows.values()], numeric=True
        ),
    ]
    for letter, figure in figures.items():
        own = {
            cell.pair.key: f"{_mark_input(cell)}{_format_change(figure, cell)}"
            for cell in figure.cells
        }
        columns.append(_list_differences(letter, [own.get(row, DASH) for row in rows]))
    return build_table(columns)


def _choose_scale(figure: ComparedFigure) -> tuple[Scale, str]:
    if figure.name not in _UNITS:
        return Scale("", 1.0), ""
    scale = Scale.of([cell.figures.a for cell in figure.cells], _UNITS[figure.name])
    return scale, f" ({scale.unit})"


def _name_rows(outline: Outline, cells: Sequence[ComparedCell]) -> list[TextColumn]:
    return [
        TextColumn(
            say("table.dataset"), [name_dataset(outline, cell.pair.dataset) for cell in cells]
        ),
        TextColumn(say("table.setting"), [name_setting(outline, cell.pair.a) for cell in cells]),
    ]


def _list_differences(letter: str, texts: Sequence[str]) -> TextColumn:
    return TextColumn(f"{letter} − {BASE} [95 %]", texts, numeric=True)


def _has_other_input(cell: ComparedCell) -> bool:
    return cell.pair.a.shape_digest != cell.pair.b.shape_digest


def _mark_input(cell: ComparedCell) -> str:
    return "* " if _has_other_input(cell) else ""


def _format_change(figure: ComparedFigure, cell: ComparedCell) -> str:
    difference, base = cell.figures.difference, cell.figures.base
    assert difference is not None, "only figures with a difference have a row"
    if cell.is_equal:
        return say("compare.equal")
    if figure.kind == "quality" or not base:
        return format_difference(difference, format_signed)
    return format_difference(difference.as_share_of(base), format_signed_percent)


def _list_notes(
    base: Exported, figures: Sequence[tuple[Comparison, ComparedFigure]]
) -> Iterator[str]:
    figure = figures[0][1]
    for cost in COSTS:
        if figure.name == cost:
            studies = {BASE: base, **{other.letter: other.study for other, _ in figures}}
            yield from _describe_repeatability(cost, studies)
    if figure.kind == "quality":
        yield from (_describe_method(other.letter, own) for other, own in figures)


def _describe_repeatability(cost: Cost, studies: dict[str, Exported]) -> Iterator[str]:
    """Describe how well the machines repeat a cost, which the intervals allow for."""
    lacking = [letter for letter, study in studies.items() if not study.repeats.of_cost(cost)]
    if lacking:
        yield say("compare.no_repeats", letters=join_words(lacking))
    texts = [
        say(
            "compare.repeat",
            deviation=format_percent(repeats.deviation),
            device=device,
            letter=letter,
        )
        for letter, study in studies.items()
        for device, repeats in study.repeats.of_cost(cost).items()
    ]
    if texts:
        yield say("compare.repeats", texts=", ".join(texts))


def _describe_method(letter: str, figure: ComparedFigure) -> str:
    count, unpaired = (
        len(figure.cells),
        sum(cell.figures.how == UNPAIRED for cell in figure.cells),
    )
    if not unpaired:
        return say("compare.paired", letter=letter)
    if unpaired == count:
        return say("compare.unpaired", letter=letter)
    return say("compare.partly_paired", letter=letter, unpaired=unpaired, cells=count)
