"""How samples are put into batches."""

import pytest

from vlmeter.models.items import make_full_batches, split_into_batches


def test_the_last_batch_may_be_smaller():
    assert [list(batch) for batch in split_into_batches(range(5), 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("items", "size", "most", "expected"),
    [
        (range(6), 2, 4, [[0, 1], [2, 3], [4, 5]]),
        (range(7), 2, 2, [[0, 1], [2, 3]]),
        (range(7), 3, 4, [[0, 1, 2], [3, 4, 5]]),
        (range(3), 4, 4, [[0, 1, 2, 0]]),
        (range(1), 3, 2, [[0, 0, 0]]),
        (range(4), 4, 9, [[0, 1, 2, 3]]),
    ],
)
def test_full_batches_are_distinct_and_repeat_only_a_small_sample(items, size, most, expected):
    assert make_full_batches(items, size, most) == expected
