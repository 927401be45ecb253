"""The settings of a study as points."""

import json

import pytest
from chart_factory import make_setting

from vlmeter.reporting.figures.plot_tradeoff import make_tradeoff_chart
from vlmeter.reporting.figures.points import MOST_POINTS


def make_chart(settings):
    return make_tradeoff_chart(settings, {"a/m": "Data set A"}, {"a": "Data set A"})


def test_of_very_many_settings_it_is_said_how_many_are_drawn():
    settings = [
        make_setting(f"s{n}", latency=1.0 + n, forward_rate=1.0 + n % 30)
        for n in range(MOST_POINTS + 9)
    ]
    chart = make_chart(settings)
    assert len(chart.spec["data"]["values"]) == MOST_POINTS
    count = f"{MOST_POINTS} of {MOST_POINTS + 9} settings: the fronts of all pairs of axes"
    assert any(line.startswith(count) for line in chart.spec["title"]["subtitle"])
    # A page holds it beside Vega, in less than 3 MB.
    assert len(json.dumps(chart.page_spec)) < 300_000


def test_a_reader_chooses_among_what_was_measured():
    chart = make_chart(
        [make_setting("a", latency=0.01, energy=2.0, forward_rate=100.0, quality=0.5)]
    )
    assert chart.page_spec is not None
    choices = chart.page_spec["usermeta"]
    assert list(choices["across"]) == ["latency", "energy"]
    assert list(choices["upwards"]) == ["forward_rate", "quality"]
    assert choices["group"] == {"a/m": "Data set A"}
    parameters = {each["name"]: each["value"] for each in chart.page_spec["params"]}
    assert parameters == {"across": "latency", "upwards": "forward_rate", "group": "a/m"}


def test_a_point_has_its_values_in_the_units_of_the_axes():
    (point,) = make_chart([make_setting("a", latency=0.0125, forward_rate=80.0)]).spec["data"][
        "values"
    ]
    assert point["values"]["latency"] == pytest.approx([12.5, 12.5, 12.5])
    assert point["words"]["Latency (ms per batch)"] == "12.5"


def test_what_is_seen_is_said():
    settings = [
        make_setting("batch 1", latency=0.01, forward_rate=100.0),
        make_setting("batch 4", latency=0.02, forward_rate=200.0),
    ]
    assert (
        "Data set A, 2 settings: the cheapest is batch 1 (Latency (ms per batch) 10.0, "
        "Samples per second, forward pass 100)" in make_chart(settings).alt
    )


def test_costs_alone_are_no_trade():
    assert make_chart([make_setting("a", latency=0.01)]).alt == "Nothing was measured."
