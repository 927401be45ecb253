"""Cells of two studies: by their ids, else by the one setting that they share."""

from typing import Any

from row_factory import make_row

from vlmeter.results.matching import Matched, match_cells
from vlmeter.results.summary_row import SummaryRow
from vlmeter.storage.layout import CellKey


def index(*rows: SummaryRow) -> dict[CellKey, SummaryRow]:
    return {CellKey(row.dataset, row.cell): row for row in rows}


def make_cell(cell: str, **values: Any) -> SummaryRow:
    return make_row(cell=cell, **values)


def name_pairs(matched: Matched) -> list[tuple[str, str]]:
    return [(pair.a.cell, pair.b.cell) for pair in matched.pairs]


def name_others(matched: Matched) -> tuple[list[str], list[str]]:
    return [row.cell for row in matched.only_a], [row.cell for row in matched.only_b]


def test_equal_ids_of_one_data_set_are_partners_in_the_order_of_the_first():
    a = index(make_cell("x"), make_cell("y", batch_size=2), make_cell("z", batch_size=3))
    b = index(
        make_cell("z", batch_size=3), make_cell("x"), make_cell("y", batch_size=2, dataset="other")
    )
    matched = match_cells(a, b)
    assert name_pairs(matched) == [("x", "x"), ("z", "z")]
    assert name_others(matched) == (["y"], ["y"])
    assert [row.dataset for row in matched.only_b] == ["other"]


def test_an_id_counts_before_a_setting():
    a = index(make_cell("x", batch_size=2), make_cell("y", batch_size=4))
    b = index(make_cell("x", batch_size=4), make_cell("z", batch_size=2))
    matched = match_cells(a, b)
    assert name_pairs(matched) == [("x", "x")]
    assert name_others(matched) == (["y"], ["z"])


def test_cells_of_other_models_are_partners_by_every_other_axis():
    a = index(make_cell("m-1", model="m"), make_cell("m-2", model="m", batch_size=2))
    b = index(make_cell("n-2", model="n", batch_size=2), make_cell("n-3", model="n", dtype="bf16"))
    matched = match_cells(a, b)
    assert name_pairs(matched) == [("m-2", "n-2")]
    assert name_others(matched) == (["m-1"], ["n-3"])
    (pair,) = matched.pairs
    assert (pair.dataset, pair.label) == ("coco", "m-2 / n-2")


def test_a_setting_that_a_study_has_twice_has_no_partner():
    first, second = make_cell("m", model="m"), make_cell("k", model="k")
    other = make_cell("n", model="n")
    for a, b in ((index(first, second), index(other)), (index(other), index(first, second))):
        assert match_cells(a, b).pairs == ()
        assert len(match_cells(a, b).only_a) + len(match_cells(a, b).only_b) == 3


def test_equal_ids_have_one_label():
    (pair,) = match_cells(index(make_cell("x")), index(make_cell("x"))).pairs
    assert pair.label == "x"
