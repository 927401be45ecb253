"""What comes from outside enters a sentence in one short line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeter.errors import list_names, listed, one_line, shorten
from vlmeter.status import describe_failure

MOST = 300
ANYTHING = st.one_of(st.text(max_size=20), st.sampled_from(["x" * 10**6, " \n" * 5000, "a\0\x1b"]))


@given(text=ANYTHING, most=st.integers(2, MOST))
def test_a_text_becomes_one_printable_line_of_at_most_so_many_characters(text, most):
    line = shorten(text, most)
    assert len(line) <= most
    assert "\n" not in line
    assert line.isprintable()


@given(text=st.text(max_size=30).map(lambda text: " ".join(text.split())).filter(str.isprintable))
def test_a_short_text_stays_as_it_is(text):
    assert shorten(text) == text


def test_what_was_cut_off_shows():
    assert shorten("a" * 100, 10) == "aaaaaaaaa…"
    assert shorten("a" + " " * 10_000 + "b", 10) == "a…"


@given(words=st.lists(ANYTHING, max_size=30))
def test_names_take_a_bounded_part_of_a_sentence(words):
    assert len(listed(words)) <= MOST
    assert len(list_names(words)) <= MOST


@pytest.mark.parametrize("kind", [ValueError, OSError, MemoryError, RuntimeError])
@pytest.mark.parametrize("words", ["", "no\nroom", "word " * 10_000])
def test_an_exception_takes_a_bounded_part_of_a_sentence(kind, words):
    assert 0 < len(one_line(kind(words))) <= MOST
    assert len(describe_failure(kind(words)).reason) <= MOST


def test_an_exception_without_words_is_its_kind():
    assert one_line(KeyError()) == "KeyError"
