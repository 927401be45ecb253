"""Places direct labels beside points, none on another, each with a line where it is not close.

The places are computed here, not by Vega: its own labels need a canvas, which only a browser has.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vlmeter.reporting.figures.spec import Spec

FONT_PX = 10
_LETTER_PX = 6.0
"""Width of a letter, rather too wide."""
_ROW_PX = 11.0
_RADIUS_PX = 5.0
"""Of a point."""
_SPOTS = (
    *((7.0, 8.0), (-9.0, 0.0), (9.0, 0.0), (-7.0, -8.0), (7.0, -8.0), (-7.0, 8.0)),
    *((3.0, 14.0), (-3.0, -14.0), (3.0, -14.0), (-3.0, 14.0)),
)
"""Where a label's near end may be, from its point, the better first: at most 12 px are between."""


class Spot(NamedTuple):
    """Where the near end of a label is, in pixels from its point; it grows away from the point."""

    dx: float
    dy: float


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "_Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def place_labels(
    points: Sequence[tuple[float, float]],
    labels: Mapping[int, str],
    size: tuple[float, float],
) -> dict[int, Spot]:
    """Return where each label is; one without room has no place.

    Args:
        points: Horizontal and vertical place of each point of a panel, in pixels from the top left.
        labels: Label of a point by its index, those that matter most first.
        size: Width and height of the panel, in pixels.
    """
    dots = [_Box(x - _RADIUS_PX, y - _RADIUS_PX, x + _RADIUS_PX, y + _RADIUS_PX) for x, y in points]
    written: list[_Box] = []
    spots: dict[int, Spot] = {}
    for index, text in labels.items():
        others = [dot for place, dot in enumerate(dots) if place != index]
        for spot, box in _list_spots(points[index], text):
            inside = box.left >= -20 and box.right <= size[0] + 20
            inside = inside and box.top >= -4 and box.bottom <= size[1]
            if inside and not any(map(box.overlaps, (*written, *others))):
                written.append(box)
                spots[index] = spot
                break
    return spots


def _list_spots(point: tuple[float, float], text: str) -> Iterator[tuple[Spot, _Box]]:
    width = _LETTER_PX * len(text)
    for dx, dy in _SPOTS:
        near, middle = point[0] + dx, point[1] + dy
        far = near + width if dx > 0 else near - width
        top, bottom = middle - _ROW_PX / 2, middle + _ROW_PX / 2
        yield Spot(dx, dy), _Box(min(near, far), top, max(near, far), bottom)


def list_label_layers(x: Spec, y: Spec, colour: str) -> list[Spec]:
    """Return the layers of labels and of the lines to their points.

    A point with a label has `label`, and the numbers of its spot as `dx` and `dy`.
    """
    labelled = [{"filter": "isValid(datum.dx)"}]
    far = [{"filter": f"abs(datum.dy) > {_ROW_PX}"}]
    line = {"x2Offset": {"expr": "datum.dx"}, "y2Offset": {"expr": "datum.dy"}}
    text = {
        "dx": {"expr": "datum.dx"},
        "dy": {"expr": "datum.dy"},
        "align": {"expr": "datum.dx > 0 ? 'left' : 'right'"},
    }
    ends = {"x2": {"field": x["field"]}, "y2": {"field": y["field"]}}
    return [
        {
            "transform": [*labelled, *far],
            "mark": {"type": "rule", "color": colour, "strokeWidth": 0.6, **line},
            "encoding": {"x": x, "y": y, **ends},
        },
        {
            "transform": labelled,
            "mark": {"type": "text", "fontSize": FONT_PX, "baseline": "middle", **text},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}},
        },
    ]
