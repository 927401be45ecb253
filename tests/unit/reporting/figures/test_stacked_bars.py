"""A panel of bars with stacked parts."""

from vlmeter.reporting.figures.stacked_bars import Bar, make_stacked_bars

PARTS = {"vision": "vision", "decode": "decode steps", "other": "other"}


def draw(*bars):
    return make_stacked_bars("Time", bars, PARTS)["layer"]


def test_parts_stand_in_one_order_each_with_its_share():
    drawn, _ = draw(Bar("a", {"decode": 6.0, "vision": 2.0}), Bar("b", {"other": 1.0}))
    values = drawn["data"]["values"]
    assert [(it["y"], it["part"], it["left"], it["right"]) for it in values] == [
        (0, "vision", 0.0, 2.0),
        (0, "decode", 2.0, 8.0),
        (1, "other", 0.0, 1.0),
    ]
    assert list(values[0]["words"].values()) == ["a · vision", "2.00", "25 %"]


def test_each_setting_has_a_row_of_the_same_height():
    one, two, many = (
        make_stacked_bars("", [Bar("a", {})] * count, PARTS)["height"] for count in (1, 2, 12)
    )
    assert many - two == 10 * (two - one) > 0


def test_words_stand_in_the_place_of_a_bar_without_times():
    _, missing = draw(Bar("a", {"other": 1.0}), Bar("b", {}, "out of memory"))
    assert missing["data"]["values"] == [{"y": 1, "words": "out of memory"}]
