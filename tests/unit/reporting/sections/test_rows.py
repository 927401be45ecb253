from typing import Any

from row_factory import make_row

from vlmeter.reporting.sections.rows import mark_groups
from vlmeter.results.summary_row import SummaryRow


def make_cell(cell: str, **changes: Any) -> SummaryRow:
    digests = {"shape_digest": "s", "content_digest": "c"}
    return make_row(**{"cell": cell, "batch_size": 16, **digests, "latency": 0.2, **changes})


def test_equal_tokens_and_pixels_are_identical_input():
    (group,) = mark_groups([make_cell("len200"), make_cell("len100", latency=0.21)])
    assert group.words == "identical input"
    assert group.mark == "A"
    assert group.cells == (("coco", "len200"), ("coco", "len100"))
    assert round(group.latency_spread or 0, 6) == 0.05


def test_other_pixels_of_the_same_shape_are_identical_after_the_resize():
    (group,) = mark_groups([make_cell("224"), make_cell("336", image_size=336, content_digest="d")])
    assert group.words == "identical input after the processor's resize"


def test_other_pixels_at_the_same_image_size_are_marked_as_other():
    (group,) = mark_groups([make_cell("a"), make_cell("b", content_digest="d")])
    assert group.words == "identical shapes, other pixels"


def test_unknown_pixels_are_not_called_identical():
    (group,) = mark_groups(
        [make_cell("a", content_digest=None), make_cell("b", content_digest=None)]
    )
    assert group.words == "identical shapes, other pixels"


def test_whatever_changes_the_computation_keeps_cells_apart():
    changes = [
        {"optimization": "compile"},
        {"dtype": "bf16"},
        {"device": "cuda"},
        {"batch_size": 8},
        {"model": "n"},
        {"dataset": "textvqa"},
        {"shape_digest": "t"},
        {"shape_digest": None},
        {"status": "crashed"},
    ]
    for change in changes:
        assert mark_groups([make_cell("a"), make_cell("b", **change)]) == [], change


def test_unknown_digests_are_never_equal():
    assert mark_groups([make_cell("a", shape_digest=None), make_cell("b", shape_digest=None)]) == []


def test_a_cell_named_twice_is_not_a_pair():
    assert mark_groups([make_cell("a"), make_cell("a")]) == []


def test_each_group_has_a_mark_of_its_own():
    rows = [make_cell(name, shape_digest=name[0]) for name in ("a1", "b1", "a2", "b2")]
    assert [group.mark for group in mark_groups(rows)] == ["A", "B"]
