"""Labels stand beside their points, and never on each other."""

import math
import random

import pytest

from vlmeter.reporting.figures.labels import place_labels

SIZE = (290.0, 200.0)


def make_box(point, spot, text):
    """Return the box that a text of 10 px fills: 6 px a letter."""
    near = point[0] + spot.dx
    far = near + math.copysign(6.0 * len(text), spot.dx)
    middle = point[1] + spot.dy
    return min(near, far), middle - 5, max(near, far), middle + 5


def measure_gap(point, box):
    """Return how far a box is from a point, in pixels."""
    left, top, right, bottom = box
    across = max(left - point[0], point[0] - right, 0)
    upwards = max(top - point[1], point[1] - bottom, 0)
    return math.hypot(across, upwards)


@pytest.mark.parametrize("seed", range(20))
def test_no_label_is_far_from_its_point_or_on_another(seed):
    chance = random.Random(seed)
    points = [(chance.uniform(20, 270), chance.uniform(20, 180)) for _ in range(25)]
    texts = {index: "x" * chance.randint(3, 22) for index in range(25)}
    spots = place_labels(points, texts, SIZE)
    boxes = {index: make_box(points[index], spot, texts[index]) for index, spot in spots.items()}
    assert len(boxes) > 8
    for index, box in boxes.items():
        assert measure_gap(points[index], box) <= 12
        for other, (left, top, right, bottom) in boxes.items():
            apart = box[2] <= left or right <= box[0] or box[3] <= top or bottom <= box[1]
            assert other == index or apart, (texts[index], texts[other])


def test_the_label_that_comes_first_has_the_room():
    crowd = [(100.0, 100.0)] * 40
    spots = place_labels(
        crowd, {index: "a long name" for index in (7, *range(7), *range(8, 40))}, SIZE
    )
    assert 7 in spots
    assert 0 < len(spots) < 12


def test_a_lonely_point_at_an_edge_has_its_label_inside():
    (spot,) = place_labels([(285.0, 100.0)], {0: "a rather long name"}, SIZE).values()
    assert spot.dx < 0
