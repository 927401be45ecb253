"""Names the settings that the page of a large study shows first of all."""

from collections.abc import Iterator

from vlmeter.reporting.figures.effects import list_effects
from vlmeter.reporting.figures.plot_forest import select_strongest
from vlmeter.reporting.figures.points import select_points
from vlmeter.reporting.figures.settings import list_settings, name_group
from vlmeter.reporting.language import get_language
from vlmeter.reporting.verdict import FirstScreen
from vlmeter.results.outline import ForestPlan, Outline, SettingsPlan
from vlmeter.results.tables import Differences, Summary
from vlmeter.storage.layout import CellKey


def list_first(
    outline: Outline, summary: Summary, differences: Differences, screen: FirstScreen
) -> Iterator[CellKey]:
    """Yield what the first screen names, then what the forest and the trade-off draw.

    So that whatever a reader is led to has its row.

    Args:
        outline: The study's outline.
        summary: The rows of `summary.csv`.
        differences: The rows of `differences.csv`.
        screen: The first screen.
    """
    yield from screen.named
    rows = list(summary.values())
    labels = {get_language(): outline.labels}
    effects = list_effects(rows, differences, ForestPlan(outline.references, labels))
    for effect in select_strongest(effects):
        yield CellKey(effect.dataset, effect.cell)
    groups = dict.fromkeys(name_group(row.dataset, row.model) for row in rows)
    points = select_points(list_settings(rows, SettingsPlan(outline.base, labels)), groups)
    for settings in points.values():
        for setting in settings:
            yield CellKey(setting.dataset, setting.cell)
