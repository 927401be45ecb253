"""Draws what a study changes against the base, setting by setting."""

from collections.abc import Iterator
from pathlib import Path

from vlmeter.compare.figures import WER, ComparedCell, Comparison
from vlmeter.compare.words import BASE, name_setting
from vlmeter.reporting.figures.chart import Chart, save_in_all_languages
from vlmeter.reporting.figures.effects import Effect, Numbers, Outcome, make_multiple
from vlmeter.reporting.figures.plot_forest import ForestWords, make_forest_chart
from vlmeter.reporting.language import LOCALES, get_language, say
from vlmeter.results.exported import Exported
from vlmeter.results.outline import Outline, translate_outline

_OUTCOMES: dict[str, Outcome] = {"latency": "time", "energy": "energy"}


def name_forest(letter: str) -> str:
    """Return the title of the figure of a study."""
    return say("compare_forest.title", letter=letter, base=BASE)


def draw_forest(base: Exported, comparison: Comparison, out_svg: Path, *, columns: int) -> None:
    """Draw the differences of a study from the base in every language.

    Args:
        base: The base.
        comparison: The other study.
        out_svg: Output, with its forms in other languages in folders beside it.
        columns: Panels beside each other.
    """

    def make() -> Chart:
        outline = translate_outline(base.outline, get_language())
        words = ForestWords(
            name_forest(comparison.letter),
            say("compare_forest.note", letter=comparison.letter, base=BASE),
            say("compare_verdict.nothing", letter=comparison.letter, base=BASE),
        )
        effects = list(_list_effects(outline, comparison))
        return make_forest_chart(effects, outline.labels.datasets, words, columns=columns)

    save_in_all_languages(make, out_svg, LOCALES)


def _list_effects(outline: Outline, comparison: Comparison) -> Iterator[Effect]:
    """Yield the effects on time and energy, and on the task's metric or else on the error rate."""
    with_metric = {
        id(cell.pair)
        for figure in comparison.figures
        if figure.kind == "quality" and figure.name != WER
        for cell in figure.cells
    }
    for figure in comparison.figures:
        for cell in figure.cells:
            if figure.kind == "quality":
                if figure.name != WER or id(cell.pair) not in with_metric:
                    yield _build_effect(outline, cell, "quality", _get_numbers(cell))
            elif figure.name in _OUTCOMES and cell.figures.base and cell.figures.base > 0:
                difference = cell.figures.difference
                assert difference is not None, "only figures with a difference are compared"
                numbers = make_multiple(difference, cell.figures.base)
                yield _build_effect(outline, cell, _OUTCOMES[figure.name], numbers)


def _get_numbers(cell: ComparedCell) -> Numbers:
    difference = cell.figures.difference
    assert difference is not None, "only figures with a difference are compared"
    return difference.estimate, difference.low, difference.high


def _build_effect(
    outline: Outline, cell: ComparedCell, outcome: Outcome, numbers: Numbers
) -> Effect:
    pair = cell.pair
    disturbed = bool(pair.a.disturbed or pair.b.disturbed)
    setting = name_setting(outline, pair.a)
    return Effect(setting, pair.dataset, pair.a.cell, outcome, *numbers, disturbed)
