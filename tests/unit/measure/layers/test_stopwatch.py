"""The marks of a pass, and what is taken from them."""

from itertools import count

import pytest
from torch import nn

from vlmeter.measure.layers.stopwatch import WHOLE, Recorder, compute_own_times


class Counting:
    """A stopwatch that is a second further at every mark."""

    def __init__(self):
        self._seconds = count()

    def mark(self):
        return next(self._seconds)

    def finish(self):
        pass

    def seconds(self, start, end):
        return float(end - start)


@pytest.fixture
def record():
    """Record a generation: the prompt once, then as many decode steps, each through one layer."""
    layer, decoder, stopwatch = nn.Identity(), nn.Identity(), Counting()

    def generate(steps):
        for _ in range(1 + steps):
            layer(decoder(0))

    def run(steps):
        recorder = Recorder(stopwatch)
        with recorder.hooked([layer], decoder):
            return recorder.run(lambda: generate(steps)), stopwatch

    return run


def test_the_pass_is_parted_where_the_decode_steps_begin(record):
    marks, _ = record(2)
    assert [(mark.layer, mark.step, mark.begins) for mark in marks] == [
        (WHOLE, 0, True),
        (0, 1, True),
        (0, 1, False),
        (WHOLE, 2, False),
        (WHOLE, 2, True),
        (0, 2, True),
        (0, 2, False),
        (0, 3, True),
        (0, 3, False),
        (WHOLE, 3, False),
    ]


def test_each_part_has_the_time_between_its_own_marks(record):
    marks, stopwatch = record(2)
    assert compute_own_times(marks, stopwatch) == {0: (1, 1.0), WHOLE: (1, 2.0)}
    assert compute_own_times(marks, stopwatch, decoding=True) == {0: (2, 2.0), WHOLE: (1, 3.0)}


def test_a_pass_without_decode_steps_is_whole(record):
    marks, stopwatch = record(0)
    assert len(marks) == 4
    assert compute_own_times(marks, stopwatch, decoding=True) == {}


def test_inside_a_layer_the_pass_is_not_parted():
    outer, decoder = nn.Sequential(nn.Identity(), nn.Identity()), nn.Identity()
    outer.append(decoder)
    recorder = Recorder(Counting())
    with recorder.hooked([outer], decoder):
        marks = recorder.run(lambda: [outer(0), outer(0)])
    assert [mark.layer for mark in marks].count(WHOLE) == 2
