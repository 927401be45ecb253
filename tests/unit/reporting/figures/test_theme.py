"""What all figures share."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeter.reporting.figures.theme import list_ticks


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.4, 3.0), [0.5, 1, 2]),
        # Five of them, and one power of ten, which alone would be no scale.
        ((0.12, 7.5), [0.2, 1, 5]),
        ((0.15, 60.0), [1, 10]),
        ((1.5, 90.0), [2, 10, 50]),
        ((0.011, 0.9), [0.02, 0.1, 0.5]),
        ((0.01, 100.0), [0.01, 0.1, 1, 10, 100]),
    ],
)
def test_a_logarithmic_axis_has_numbers_that_show_its_scale(ends, ticks):
    assert list_ticks(*ends, most=4) == ticks


@given(st.floats(-6, 6), st.floats(0.7, 4), st.integers(3, 6))
def test_there_are_at_least_two_numbers_inside(start, decades, most):
    low, high = 10**start, 10 ** (start + decades)
    ticks = list_ticks(low, high, most=most)
    assert len(ticks) >= 2
    assert all(low <= tick <= high for tick in ticks)
    steps = [math.log10(b / a) for a, b in pairwise(ticks)]
    assert min(steps) > 0
