import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from vlmeter.escaping import csv_original, csv_text, markdown, one_line
from vlmeter.reporting.formats import format_json_block, join_words
from vlmeter.results.numbers import (
    Scale,
    format_number,
    format_percent,
    format_quantity,
    format_signed,
    format_signed_percent,
    format_with_interval,
)

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b",
    "`code` ``` fence",
    "![x](http://evil/x.png)",
    "x]](http://evil)",
    "[1](http://evil)",
    "[1]: http://evil",
    "[1, 2][x]",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "12) item",
    "> quote",
    "---",
    "***",
    "===",
    "**bold** _it_ __b__ ~~gone~~",
    "\\| \\` \\",
    "&lt; &amp; &#60;",
    "http://evil https://evil www.evil.example",
    "$x^2$",
    "two\n\n# lines",
    "tab\there",
]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1.00"),
        (0.012345, "0.0123"),
        (9.996, "10.0"),
        (99.96, "100"),
        (1113.4, "1113"),
        (123456.7, "123457"),
        (1.5e9, "1.50e+09"),
        (0.00001234, "1.23e-05"),
        (-2.5, "-2.50"),
        (None, "\u2013"),
        (float("nan"), "\u2013"),
    ],
)
def test_numbers_have_three_digits_and_no_fewer_than_their_whole_part(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0324, "s", "32.4 ms"),
        (1112.8, "s", "1113 s"),
        (7.45, "J", "7.45 J"),
        (0.0031, "J", "3.10 mJ"),
        (751.3e9, "FLOP", "751 GFLOP"),
        (12.8e12, "FLOP", "12.8 TFLOP"),
        (15.4e9, "B", "15.4 GB"),
        (0, "J", "0 J"),
        (None, "J", "\u2013"),
    ],
)
def test_quantities_take_the_prefix_that_fits(value, unit, text):
    assert format_quantity(value, unit) == text


def test_a_column_has_a_prefix_chosen_by_its_median():
    scale = Scale.of([0.02, 0.03, None, 1.2], "s")
    assert (scale.unit, scale.format(1.2), scale.format(0.02)) == ("ms", "1200", "20.0")
    assert Scale.of([], "s") == Scale("s", 1.0)
    assert Scale.of([None, 0.0], "J") == Scale("J", 1.0)


def test_intervals_need_both_ends():
    assert format_with_interval(0.0235, 0.0229, 0.0241, 1e-3) == "23.5 [22.9, 24.1]"
    assert format_with_interval(0.0235, None, 1.0) == "0.0235"
    assert format_with_interval(None, None, None) == "–"


def test_percentages():
    assert [format_percent(x) for x in (0, 0.0004, 0.0523, 0.42, None)] == [
        "0.0 %",
        "<0.1 %",
        "5.2 %",
        "42 %",
        "\u2013",
    ]


def test_lists_in_sentences():
    assert [join_words(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_the_json_block_is_the_sources():
    assert format_json_block(3.753488302230835, 0.032462475783030194, None, "751.3 GFLOPS") == (
        '{\n    "wer_value": 3.753488302230835,\n    "latency": 0.032462475783030194,\n'
        '    "energy": null,\n    "flops": "751.3 GFLOPS"\n}'
    )


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("frame", ["{}", "see {} there", "- {}", "![{}](a.svg)"])
def test_markdown_shows_a_text_as_it_is(text, frame):
    shown = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    tokens = shown.parse(frame.format(markdown(text)))
    inline = [token for token in tokens if token.type == "inline"]
    assert len(inline) == 1
    children = inline[0].children or []
    if frame.startswith("!["):
        assert [child.type for child in children] == ["image"]
        assert children[0].attrs["src"] == "a.svg"
        children = children[0].children or []
    assert {child.type for child in children} <= {"text"}
    plain = "".join(child.content for child in children)
    assert plain == frame.removeprefix("- ").replace("![", "").replace("](a.svg)", "").format(
        one_line(text)
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_keeps_a_text_inside_its_table_cell(text):
    shown = MarkdownIt("commonmark").enable("table")
    table = f"| a | b |\n| --- | --- |\n| {markdown(text)} | end |\n"
    cells = [token for token in shown.parse(table) if token.type == "inline"]
    assert len(cells) == 4
    assert cells[3].content == "end"
    assert "".join(child.content for child in cells[2].children or []) == one_line(text)


@pytest.mark.parametrize("text", ["3.75 [3.60, 3.90]", "a_b-c.d", "12.6", "10 % (of it)", "= A"])
def test_plain_words_and_figures_stay_readable_in_the_source(text):
    assert markdown(text) == text


@pytest.mark.parametrize("text", ["=1", "'=1", "''", "+", "-", "@a", "\ta", "plain", "", "a=1"])
def test_csv_texts_come_back(text):
    assert csv_original(csv_text(text)) == text
    assert not csv_text(text).startswith(("=", "+", "-", "@", "\t", "\r"))


SIZES = st.floats(1e-8, 1e8) | st.floats(-1e8, -1e-8)
PREFIXES = {"n": 1e-9, "µ": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


@given(SIZES)
@settings(max_examples=60)
def test_a_figure_reads_back_to_three_digits_in_whatever_form(value):
    assert float(format_number(value)) == pytest.approx(value, rel=5.1e-3)
    signed = format_signed(value)
    assert float(signed) == pytest.approx(value, rel=5.1e-3)
    assert signed[0] == ("+" if value > 0 else "-")
    number, unit = format_quantity(value, "J").split()
    assert float(number) * PREFIXES[unit[:-1]] == pytest.approx(value, rel=5.1e-3)
    share = format_signed_percent(value / 1e8)
    if share.endswith("×"):
        assert float(share.removesuffix("×")) == pytest.approx(1 + value / 1e8, rel=0.03)
    else:
        assert float(share.removesuffix(" %")) / 100 == pytest.approx(value / 1e8, abs=5.1e-3)


@given(SIZES, st.floats(0, 9), st.floats(0, 9), st.sampled_from([1e-3, 1.0, 1e3]))
@settings(max_examples=60)
def test_brackets_read_back_around_their_value_in_the_same_unit(value, below, above, factor):
    ends = value - below * abs(value), value + above * abs(value)
    text = format_with_interval(value, *ends, factor)
    shown = re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", text)
    assert shown is not None
    middle, low, high = (float(number) * factor for number in shown.groups())
    assert (middle, low, high) == pytest.approx((value, *ends), rel=5.1e-3, abs=1e-12)
    assert low <= middle <= high
