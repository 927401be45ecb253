import pytest

from vlmeter.metrics.uncertainty import Difference
from vlmeter.results.columns import restore_row
from vlmeter.results.difference_row import (
    DIFFERENCE_COLUMNS,
    SUFFIXES,
    DifferenceRow,
    FromBase,
    get_difference,
    list_values,
)

EMPTY = {column.name: None for column in DIFFERENCE_COLUMNS}


@pytest.mark.parametrize("figure", SUFFIXES)
@pytest.mark.parametrize("ends", [(0.25, 0.75), (-0.25, 1.0), (None, None)])
def test_the_columns_of_a_figure_give_its_difference_back(figure, ends):
    compared = FromBase(2.0, Difference(0.5, *ends))
    values = list_values(figure, compared)
    assert set(values) <= set(EMPTY)
    row = restore_row(DifferenceRow, {**EMPTY, **values})
    assert get_difference(row, figure) == compared


def test_a_figure_that_was_not_compared_has_no_difference():
    assert get_difference(restore_row(DifferenceRow, EMPTY), "latency") is None


def test_a_difference_without_an_interval_is_not_judged():
    values = list_values("energy", FromBase(2.0, Difference(0.5, None, None)))
    assert values == {
        "energy_base_j": 2.0,
        "energy_difference_j": 0.5,
        "energy_difference_low_j": None,
        "energy_difference_high_j": None,
        "energy_differs": None,
    }
