"""Chooses which settings of a large study are drawn as points."""

from collections.abc import Iterable, Sequence
from itertools import chain, product

from vlmeter.reporting.figures.front import find_front
from vlmeter.reporting.figures.settings import Setting, list_choices

MOST_GROUPS = 12
"""Most data sets and models that are drawn beside each other."""
MOST_POINTS = 200
"""Most settings that are drawn, of all groups together."""


def select_points(
    settings: Sequence[Setting], groups: Iterable[str]
) -> dict[str, Sequence[Setting]]:
    """Return the settings that are drawn, in their order, of the first groups that have some.

    Of very many, each group keeps its share: what is on the front of some pair of axes, from the
    first pair on, then what has the highest rates.

    Args:
        settings: All of them.
        groups: The groups in the order of their panels.
    """
    by_group: dict[str, list[Setting]] = {group: [] for group in groups}
    for setting in settings:
        by_group[setting.group].append(setting)
    shown = [group for group, own in by_group.items() if own][:MOST_GROUPS]
    return {group: _shorten(by_group[group], MOST_POINTS // len(shown)) for group in shown}


def _shorten(settings: Sequence[Setting], most: int) -> Sequence[Setting]:
    if len(settings) <= most:
        return settings
    fronts = (find_front(settings, pair) for pair in product(*list_choices(settings)))
    by_rate = sorted(range(len(settings)), key=lambda place: -_get_rate(settings[place]))
    places = list(dict.fromkeys([*chain.from_iterable(fronts), *by_rate]))
    return [settings[place] for place in sorted(places[:most])]


def _get_rate(setting: Setting) -> float:
    rate = setting.values.get("generation_rate") or setting.values.get("forward_rate")
    return rate.value if rate else 0.0
