"""A chart as SVG and as the spec that a page draws."""

import pytest

from vlmeter.reporting.figures.chart import Chart, compile_chart, render_svg
from vlmeter.reporting.language import use_language

CHART = Chart(
    {
        "data": {"values": [{"x": 0.5}, {"x": 1.5}]},
        "mark": "point",
        "encoding": {"x": {"field": "x", "type": "quantitative"}},
    },
    "Two points.",
)


@pytest.mark.parametrize(("language", "half", "foreign"), [("en", "0.5", ","), ("ru", "0,5", ".")])
def test_an_axis_has_the_decimal_sign_of_the_language(language, half, foreign):
    with use_language(language):
        svg, spec = render_svg(CHART), compile_chart(CHART)
    labels = [part.partition("</text>")[0] for part in svg.split('text-anchor="')[1:]]
    texts = [label.rpartition(">")[2] for label in labels]
    assert f"{half[0]}{half[1]}6" in texts
    assert not any(foreign in text for text in texts)
    # A page draws the same from the spec alone.
    assert spec["config"]["locale"]["number"]["decimal"] == half[1]
