"""The forest plot of what each knob does."""

from vlmeter.reporting.figures.effects import Effect
from vlmeter.reporting.figures.plot_forest import MOST_KNOBS, ForestWords, make_forest_chart

WORDS = ForestWords("What it does", "Against the base", "Nothing to show.")


def make_effect(knob, value, outcome="time"):
    return Effect(knob, "coco", knob, outcome, value, None, None, disturbed=False)


def test_of_many_knobs_the_strongest_are_drawn_and_counted():
    effects = [make_effect(f"knob {n}", 1 + n / 10) for n in range(MOST_KNOBS + 5)]
    chart = make_forest_chart(effects, {"coco": "COCO"}, WORDS)
    (panel,) = chart.spec["concat"]
    drawn = {point["words"]["title"] for point in panel["data"]["values"]}
    assert drawn == {f"knob {n}" for n in range(5, MOST_KNOBS + 5)}
    assert (
        f"The {MOST_KNOBS} strongest of {MOST_KNOBS + 5} knobs" in chart.spec["title"]["subtitle"]
    )


def test_what_is_seen_is_said():
    effects = [make_effect("batch 4", 0.5), make_effect("448 px", 2.5)]
    alt = make_forest_chart(effects, {"coco": "COCO"}, WORDS).alt
    assert "Time per sample: from 0.500× (batch 4) to 2.50× (448 px)." in alt


def test_without_a_knob_the_chart_says_so():
    chart = make_forest_chart([], {"coco": "COCO"}, WORDS)
    assert chart.alt == "Nothing to show."


def test_every_panel_at_the_left_names_the_knobs():
    effects = [make_effect("batch 4", 0.5), make_effect("batch 4", 0.5, outcome="energy")]
    for columns, expected in ((3, [True, False]), (1, [True, True])):
        spec = make_forest_chart(effects, {"coco": "COCO"}, WORDS, columns=columns).spec
        axes = [panel["layer"][1]["encoding"]["y"]["axis"] for panel in spec["concat"]]
        assert [axis["labels"] for axis in axes] == expected
        assert spec["columns"] == columns
