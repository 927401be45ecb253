"""Which settings of a panel are on the Pareto front of its axes, and where their labels are.

For every pair of axes that a reader may choose, so that the page needs no code for either.
"""

import math
from collections.abc import Sequence
from itertools import product

from vlmeter.reporting.figures.labels import Spot, place_labels
from vlmeter.reporting.figures.settings import Setting, list_choices

MARGINS = (0.62, 1.6)
"""Where the horizontal axis begins and ends: shares of its least and its greatest value. So even a
single value has a tick beside it."""
HEADROOM = 1.15
"""Where the vertical axis, which begins at zero, ends: a share of its greatest value."""
LABELLED = 12
"""Most settings of a panel that are all labelled; of more, only those on the front are."""
Pair = tuple[str, str]
"""The measures across and upwards."""


def find_front(settings: Sequence[Setting], pair: Pair) -> list[int]:
    """Return the indices of the settings that no other one beats in both, the cheapest first."""
    across, upwards = pair
    points = [
        (setting.values[across].value, -_get_merit(setting, upwards), index)
        for index, setting in enumerate(settings)
        if across in setting.values and upwards in setting.values
    ]
    front: list[int] = []
    best = math.inf
    for _, loss, index in sorted(points):
        if loss < best:
            best = loss
            front.append(index)
    return front


def place_all(
    settings: Sequence[Setting], size: tuple[float, float]
) -> list[dict[str, tuple[float, ...]]]:
    """Return of each setting of a panel, by pair of axes, whether it is on the front and labelled.

    Returns:
        By `name_pair`: 1 or 0 for the front, then the label's spot where it has one. What is
        neither has no entry.
    """
    notes: list[dict[str, tuple[float, ...]]] = [{} for _ in settings]
    for pair in product(*list_choices(settings)):
        front = find_front(settings, pair)
        spots = _place(settings, pair, front, size)
        for index in dict.fromkeys([*front, *spots]):
            spot = spots.get(index, ())
            notes[index][name_pair(pair)] = (int(index in front), *spot)
    return notes


def name_pair(pair: Pair) -> str:
    """Return the key of a pair of axes."""
    return "/".join(pair)


def _place(
    settings: Sequence[Setting], pair: Pair, front: Sequence[int], size: tuple[float, float]
) -> dict[int, Spot]:
    present = [
        index for index, setting in enumerate(settings) if set(pair) <= setting.values.keys()
    ]
    if not present:
        return {}
    across, upwards = ([settings[index].values[name] for index in present] for name in pair)
    low, high = (
        math.log(margin * end)
        for margin, end in zip(
            MARGINS, (min(x.low for x in across), max(x.high for x in across)), strict=True
        )
    )
    xs = [size[0] * (math.log(x.value) - low) / (high - low) for x in across]
    top = HEADROOM * max(y.high for y in upwards)
    ys = [size[1] * (1 - y.value / top) if top > 0 else size[1] for y in upwards]
    places = {index: place for place, index in enumerate(present)}
    others = present if len(present) <= LABELLED else []
    wanted = dict.fromkeys([*front, *others])
    labels = {places[index]: settings[index].label for index in wanted}
    spots = place_labels(list(zip(xs, ys, strict=True)), labels, size)
    return {present[place]: spot for place, spot in spots.items()}


def _get_merit(setting: Setting, name: str) -> float:
    value = setting.values[name].value
    return -value if name == "quality" and not setting.higher_is_better else value
