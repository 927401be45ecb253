"""Which settings nothing else beats."""

from chart_factory import make_setting

from vlmeter.reporting.figures.front import LABELLED, find_front, name_pair, place_all

PAIR = ("latency", "forward_rate")


def test_the_front_begins_with_the_cheapest_and_rises():
    settings = [
        make_setting("slow", latency=3.0, forward_rate=9.0),
        make_setting("beaten", latency=2.0, forward_rate=4.0),
        make_setting("cheap", latency=1.0, forward_rate=5.0),
        make_setting("tied and dearer", latency=1.5, forward_rate=5.0),
        make_setting("not measured", latency=0.5),
    ]
    assert find_front(settings, PAIR) == [2, 0]


def test_less_is_better_where_the_metric_says_so():
    settings = [
        make_setting("cheap", latency=1.0, quality=0.4, higher_is_better=False),
        make_setting("right", latency=2.0, quality=0.1, higher_is_better=False),
        make_setting("wrong", latency=3.0, quality=0.9, higher_is_better=False),
    ]
    assert find_front(settings, ("latency", "quality")) == [0, 1]


def test_of_many_settings_only_the_front_has_labels():
    few = [make_setting(str(n), latency=1.0 + n, forward_rate=20.0 - n) for n in range(LABELLED)]
    assert all(name_pair(PAIR) in note for note in place_all(few, (900.0, 900.0)))
    many = [*few, make_setting("one more", latency=50.0, forward_rate=1.0)]
    labelled = [name_pair(PAIR) in note for note in place_all(many, (900.0, 900.0))]
    assert labelled == [True] + [False] * LABELLED


def test_a_value_that_is_not_measured_has_no_place():
    (note,) = place_all([make_setting("a", latency=1.0, forward_rate=2.0)], (290.0, 200.0))
    assert set(note) == {name_pair(PAIR)}
    assert place_all([make_setting("a", latency=1.0)], (290.0, 200.0)) == [{}]
