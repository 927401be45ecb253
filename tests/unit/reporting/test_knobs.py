"""Each axis has a sentence, by what its pairs of cells show."""

from typing import Any

from row_factory import make_difference, make_row
from simulated_study import DATASET, make_outline_of
from study_factory import AXES

from vlmeter.decision.build_contests import build_contests
from vlmeter.decision.decide_study import decide
from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.knobs import describe_knobs
from vlmeter.reporting.language import use_language
from vlmeter.results.difference_row import FromBase, list_values
from vlmeter.results.limits import Limits
from vlmeter.results.repeatability import Repeats
from vlmeter.storage.layout import CellKey, DifferenceKey


def make_cell(cell: str, **given: Any):
    values = {"task_value": 0.6, "task_higher_is_better": True, "task_metric_label": "Accuracy"}
    return make_row(
        **{**AXES, "dataset": DATASET, "latency": 0.1, "content_digest": cell, **values, **given},
        cell=cell,
    )


def compare(cell: str, time: tuple[float, float], quality: tuple[float, float]):
    """Return a difference from the base by the ends of its intervals."""
    key = DifferenceKey(DATASET, cell, "base")
    values: dict[str, Any] = {}
    for figure, base, (low, high) in (("sample_time", 2.0, time), ("task", 0.6, quality)):
        middle = (low + high) / 2
        difference = Difference(middle * base, low * base, high * base)
        if figure == "task":
            difference = Difference(middle, low, high)
        values |= list_values(figure, FromBase(base, difference))
    return key, make_difference(key, **values)


NO_CHANGE = (-0.1, 0.1)


def describe(*cells_and_differences, language: str = "en") -> list[str]:
    rows = [make_cell("base", shape_digest="s"), *(cell for cell, _ in cells_and_differences)]
    differences = dict(difference for _, difference in cells_and_differences)
    outline = make_outline_of("base")
    contests = build_contests(rows, differences, Repeats(), outline)
    decided = [decide(contest, Limits()) for contest in contests]
    summary = {CellKey(row.dataset, row.cell): row for row in rows}
    with use_language(language):
        return [line.text for line in describe_knobs(outline, summary, differences, decided)]


BATCH = make_cell("four", batch_size=4), compare("four", (-0.6, -0.4), NO_CHANGE)
CUT = make_cell("cut", max_input_len=20), compare("cut", (-0.3, -0.1), (-0.4, -0.2))
SIZE = (
    make_cell("large", image_size=448, shape_digest="s"),
    compare("large", NO_CHANGE, NO_CHANGE),
)
SLOW = (
    make_cell("native", image_input="native"),
    compare("native", (3.0, 4.6), (0.1, 0.3)),
)


def test_each_axis_has_a_sentence_by_its_strongest_measurable_effect():
    weaker = make_cell("two", batch_size=2), compare("two", (-0.3, -0.1), NO_CHANGE)
    assert describe(weaker, BATCH, CUT, SIZE) == [
        "Input length 200 → 20 (TextVQA): Accuracy 0.600 → 0.300 (-0.300); "
        "time per sample -20 % [-30 %, -10 %].",
        "Batch 1 → 4 (TextVQA): no measurable change of Accuracy; "
        "time per sample -50 % [-60 %, -40 %].",
        "Image (px): no effect; 224 and 448 are the same computation.",
    ]


def test_a_large_factor_is_no_percentage_and_quality_comes_first():
    lines = describe(BATCH, SLOW)
    assert lines[0] == (
        "Image input processor → native (TextVQA): Accuracy 0.600 → 0.800 (+0.200); "
        "time per sample 4.8× [4.0×, 5.6×]."
    )


def test_an_effect_within_the_noise_is_none():
    noise = make_cell("sdpa", optimization="sdpa"), compare("sdpa", NO_CHANGE, NO_CHANGE)
    assert describe(noise) == [
        "Optimization Eager → SDPA (TextVQA): no measurable change of Accuracy; "
        "time per sample no difference [-10 %, +10 %]."
    ]


def test_pairs_that_differ_in_two_axes_say_nothing():
    two = make_cell("b", batch_size=4, image_size=448), compare("b", (-0.6, -0.4), NO_CHANGE)
    assert describe(two) == []


def test_other_programs_put_a_time_in_doubt_but_no_answer():
    noisy = make_cell("c", batch_size=4, disturbed=True), compare("c", (-0.6, -0.4), NO_CHANGE)
    assert describe(noisy) == ["Batch 1 → 4 (TextVQA): no measurable change of Accuracy."]
    cut = (
        make_cell("cut", max_input_len=20, disturbed=True),
        compare("cut", (-0.3, -0.1), (-0.4, -0.2)),
    )
    assert describe(cut) == ["Input length 200 → 20 (TextVQA): Accuracy 0.600 → 0.300 (-0.300)."]


def test_an_axis_that_lost_answers_in_a_disturbed_pair_is_not_without_effect():
    """An image size that is the same computation elsewhere does not hide it."""
    lost = (
        make_cell("lost", image_size=112, disturbed=True),
        compare("lost", NO_CHANGE, (-0.4, -0.2)),
    )
    assert describe(SIZE, lost) == [
        "Image (px) 224 → 112 (TextVQA): Accuracy 0.600 → 0.300 (-0.300)."
    ]


def test_a_pair_that_was_compared_in_nothing_says_nothing():
    key = DifferenceKey(DATASET, "c", "base")
    random = make_cell("c", batch_size=4, disturbed=True), (key, make_difference(key))
    assert describe(random) == []


def test_at_most_four_axes_have_a_sentence():
    more = [
        (make_cell(axis, **{axis: value}), compare(axis, (0.1, 0.3), NO_CHANGE))
        for axis, value in (("optimization", "sdpa"), ("prompt", "long"), ("dtype", "bf16"))
    ]
    assert len(describe(BATCH, CUT, SLOW, *more)) == 4


def test_the_sentences_are_in_the_language_of_the_page():
    assert describe(SIZE, language="ru") == [
        "Изображение (пкс): не влияет; 224 и 448 — одно и то же вычисление."
    ]
