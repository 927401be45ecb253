"""Whatever a text holds, it stays a text wherever it is shown, and reads in the order it has."""

import json
import sys
import unicodedata
import xml.etree.ElementTree as ET
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vlmeter.escaping import (
    csv_text,
    markdown,
    one_line,
    printable,
    quote_attribute,
    script_json,
)
from vlmeter.reporting.figures.chart import render_svg
from vlmeter.reporting.figures.theme import make_empty_chart, shorten

DIRECTIONS = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
MARKS = {"\u200e", "\u200f", "\u061c"}
"""Invisible, and of the direction of letters: what stands beside them moves."""
KEPT = {"\t", "\n"}
LATIN = st.characters(max_codepoint=0x24F)
PIECES = st.sampled_from(
    ["<b>", "&amp;", "]]>", "-->", "<!--", "$x^2$", "\\", '"', "'", "\x00", "\x1b", "\u202e", "é"]
)


@cache
def list_unprintable():
    """Return every character that changes the order of others, moves a cursor or is none."""
    return [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.bidirectional(character) in DIRECTIONS
        or character in MARKS
        or (unicodedata.category(character) in {"Cc", "Cs"} and character not in KEPT)
    ]


@pytest.mark.parametrize("show", [printable, one_line, csv_text, markdown])
def test_no_character_that_moves_others_or_is_none_comes_through(show):
    unprintable = list_unprintable()
    assert len(unprintable) > 2048
    shown = "".join(show(f"a{character}b") for character in unprintable)
    assert not set(shown) & set(unprintable)


@given(st.text())
@settings(max_examples=50)
def test_what_is_printable_stays_as_it_is(text):
    once = printable(text)
    assert printable(once) == once
    visible = "".join(character for character in text if character.isprintable())
    assert printable(visible) == visible


@given(st.text(LATIN) | st.just("</script><script>x</script><!--"))
@settings(max_examples=50)
def test_data_of_a_script_are_what_they_were_and_end_no_element(text):
    data = script_json({"text": text})
    assert json.loads(data) == {"text": text}
    assert not set(data) & {"<", ">"}


@given(st.lists(PIECES, max_size=6).map("".join) | st.just("' onclick='x"))
@settings(max_examples=50)
def test_an_attribute_in_single_quotes_is_what_it_was_and_is_the_only_one(text):
    data = json.dumps({"text": printable(text)}, ensure_ascii=False)
    seen = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: seen.append((tag, attributes))
    parser.feed(f"<tr data-keys={quote_attribute(data)}>")
    assert seen == [("tr", [("data-keys", data)])]


@example("cost in $x^2$ <b>&amp;")
@given(st.lists(PIECES | st.text(LATIN, max_size=4), max_size=6).map("".join))
@settings(max_examples=10)
def test_a_figure_shows_any_text_as_it_is(text):
    root = ET.fromstring(render_svg(make_empty_chart("What is missing", [text])))
    shown = [
        "".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {line.strip() for line in shown if line.strip()} == {
        line for line in ("What is missing", shorten(text, 110)) if line
    }
    assert not [element for element in root.iter() if element.tag.endswith(("}b", "}script"))]
