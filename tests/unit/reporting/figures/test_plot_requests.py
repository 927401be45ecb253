"""The figure of requests: a bar per setting."""

from itertools import pairwise

import pytest
from request_factory import PLAN, make_requested_row
from row_factory import make_row

from vlmeter.reporting.figures.plot_requests import MOST_BARS, make_requests_chart
from vlmeter.reporting.language import LANGUAGES, use_language
from vlmeter.reporting.requests.timed import list_requests


def draw(*rows):
    return make_requests_chart(list(list_requests(rows, PLAN)))


def test_a_bar_is_the_parts_one_after_another():
    (panel,) = draw(make_requested_row({"vision": None}, batch_size=4)).spec["concat"]
    bars = panel["layer"][0]["data"]["values"]
    assert [bar["part"] for bar in bars][:3] == ["decode_image", "resize", "processor"]
    assert "vision" not in [bar["part"] for bar in bars]
    ends = [(before["right"], bar["left"]) for before, bar in pairwise(bars)]
    assert all(right == pytest.approx(left) for right, left in ends)
    assert bars[0]["left"] == 0.0
    assert bars[-1]["right"] == pytest.approx(1e3 * 0.8 / 4)


def test_of_many_settings_the_figure_says_that_the_table_has_more():
    chart = draw(*(make_requested_row(cell=str(place)) for place in range(MOST_BARS + 3)))
    assert "3 more settings" in chart.spec["title"]["subtitle"][-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_figure_without_requests_says_so(language):
    with use_language(language):
        chart = draw(make_row(), make_requested_row(request_parts="[]"))
    assert chart.spec["title"]["text"] in chart.alt
