"""Counted nouns in what the terminal says."""

import pytest

from vlmeter.study.counts import format_count


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells"), (5000, "5,000 cells")]
)
def test_a_noun_is_singular_for_a_single_thing(count, words):
    assert format_count(count, "cell") == words
