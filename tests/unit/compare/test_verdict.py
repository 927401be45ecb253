"""The verdict on a study: what differs beyond the noise of all that is looked at."""

from dataclasses import replace

import pytest
from row_factory import make_row

from vlmeter.compare.figures import ComparedCell, ComparedFigure, Comparison
from vlmeter.compare.verdict import describe_verdict, is_sure
from vlmeter.metrics.uncertainty import Difference
from vlmeter.reporting.language import use_language
from vlmeter.results.matching import Matched, Pair
from vlmeter.results.study_differences import Compared
from vlmeter.status import Status

CALM = Difference(0.0, -0.1, 0.1)
SLOWER = Difference(1.0, 0.9, 1.1)
FASTER = Difference(-0.5, -0.6, -0.4)


def make_cells(*differences, **values):
    """Return settings of 1 s in the base that differ by so much; `values` are of the row of B."""
    cells = []
    for place, difference in enumerate(differences):
        row = make_row(dataset="coco", cell=f"cell-{place}", status=Status.OK)
        figures = Compared(1.0, 1.0 + difference.estimate, difference, 1.0)
        cells.append(ComparedCell(Pair(row, replace(row, **values)), figures))
    return tuple(cells)


def judge(*figures):
    pairs = tuple(cell.pair for figure in figures for cell in figure.cells)
    return describe_verdict(Comparison("B", None, Matched(pairs, (), ()), figures))


def make_latency(*cells):
    return ComparedFigure("latency", "cost", "", False, cells)


def test_what_is_faster_and_what_is_slower_stand_apart_with_their_ratios():
    latency = make_latency(*make_cells(SLOWER, SLOWER, FASTER, CALM))
    assert judge(latency) == (
        "B against A: faster in 1 of 4 settings (0.500× the time); "
        "slower in 2 of 4 settings (2.00× the time)."
    )


def test_nothing_beyond_the_noise_is_said_as_such():
    assert judge(make_latency(*make_cells(CALM, CALM))) == (
        "No measurable difference between A and B, in 2 settings."
    )
    assert judge() == "No setting was measured in both A and B."


@pytest.mark.parametrize(
    ("comparisons", "expected"), [(1, True), (20, False)], ids=["alone", "of twenty"]
)
def test_of_many_intervals_one_that_barely_excludes_zero_is_chance(comparisons, expected):
    for sign in (1, -1):
        ends = sorted((sign * 0.01, sign * 0.21))
        assert is_sure(Difference(sign * 0.11, *ends), comparisons) is expected
        assert is_sure(Difference(sign * 1.0, *sorted((sign * 0.9, sign * 1.1))), comparisons)


def test_a_difference_without_an_interval_is_not_sure():
    assert not is_sure(Difference(5.0, None, None), 1)
    assert not is_sure(CALM, 1)


@pytest.mark.parametrize(
    ("higher_is_better", "word"), [(True, "better"), (False, "worse")], ids=["accuracy", "errors"]
)
def test_more_of_a_metric_is_better_or_worse(higher_is_better, word):
    cells = make_cells(SLOWER, CALM)
    figure = ComparedFigure("m", "quality", "Some metric", higher_is_better, cells)
    assert judge(figure) == f"B against A: Some metric {word} in 1 of 2 settings (+1.00)."


def test_disturbed_measurements_count_only_where_there_are_no_others():
    disturbed = make_cells(SLOWER, disturbed=True)
    assert "No measurable difference" in judge(make_latency(*disturbed, *make_cells(CALM)))
    assert "slower in 1 of 1" in judge(make_latency(*disturbed))


def test_energy_counts_only_where_both_studies_metered_it():
    def make_energy(kind):
        cells = make_cells(SLOWER, energy_cpu_j=1.0, energy_cpu_kind=kind)
        metered = [
            replace(
                cell,
                pair=replace(
                    cell.pair, a=replace(cell.pair.a, energy_cpu_j=1.0, energy_cpu_kind="measured")
                ),
            )
            for cell in cells
        ]
        return ComparedFigure("energy", "cost", "", False, tuple(metered))

    assert "more energy in 1 of 1" in judge(make_energy("measured"))
    assert "No measurable difference" in judge(make_energy("modelled"))


def test_counts_without_an_interval_are_no_ground_for_a_verdict():
    cells = make_cells(Difference(5.0, None, None))
    memory = ComparedFigure("peak_memory_bytes", "count", "", False, cells)
    assert "No measurable difference" in judge(memory)


def test_a_verdict_is_in_the_language_of_its_page():
    with use_language("ru"):
        assert judge(make_latency(*make_cells(SLOWER, SLOWER))) == (
            "B относительно A: медленнее, настроек 2 из 2 (время 2,00×)."
        )
