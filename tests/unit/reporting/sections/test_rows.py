from typing import Any

from vlmeter.reporting.sections.rows import identical_groups


def make_row(cell: str, **changes: Any) -> dict[str, Any]:
    return {
        "cell": cell,
        "dataset": "coco",
        "status": "ok",
        "model": "m",
        "dtype": "fp32",
        "device": "cpu",
        "batch_size": 16,
        "optimization": "eager",
        "image_size": 224,
        "shape_digest": "s",
        "content_digest": "c",
        "latency": 0.2,
        **changes,
    }


def test_equal_tokens_and_pixels_are_identical_input():
    (group,) = identical_groups([make_row("len200"), make_row("len100", latency=0.21)])
    assert group.words == "identical input"
    assert group.mark == "A"
    assert group.cells == (("coco", "len200"), ("coco", "len100"))
    assert round(group.latency_spread or 0, 6) == 0.05


def test_other_pixels_of_the_same_shape_are_identical_after_the_resize():
    (group,) = identical_groups(
        [make_row("224"), make_row("336", image_size=336, content_digest="d")]
    )
    assert group.words == "identical input after the processor's resize"


def test_other_pixels_at_the_same_image_size_are_marked_as_other():
    (group,) = identical_groups([make_row("a"), make_row("b", content_digest="d")])
    assert group.words == "identical shapes, other pixels"


def test_unknown_pixels_are_not_called_identical():
    (group,) = identical_groups(
        [make_row("a", content_digest=None), make_row("b", content_digest=None)]
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
        assert identical_groups([make_row("a"), make_row("b", **change)]) == [], change


def test_unknown_digests_are_never_equal():
    assert (
        identical_groups([make_row("a", shape_digest=None), make_row("b", shape_digest=None)]) == []
    )


def test_a_cell_named_twice_is_not_a_pair():
    assert identical_groups([make_row("a"), make_row("a")]) == []


def test_each_group_has_a_mark_of_its_own():
    rows = [make_row(name, shape_digest=name[0]) for name in ("a1", "b1", "a2", "b2")]
    assert [group.mark for group in identical_groups(rows)] == ["A", "B"]
