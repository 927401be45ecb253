"""A section's figures stand beside the tokens of its images, and it says where none differ."""

from itertools import repeat

import pytest
from row_factory import make_row

from vlmeter.reporting.sections.image_tokens import list_size_notes, make_token_columns
from vlmeter.reporting.sections.rows import Place, SectionRows


def make_section(varied, *cells):
    places = [
        Place("", {axis: row[axis] for axis in varied}, dataset, make_row(**row))
        for dataset, row in cells
    ]
    return SectionRows(tuple(varied), False, tuple(places), ())


def make_tokens(count, size=224, digest="a", spread=None, **more):
    fewest, most = spread or (count, count)
    return {
        "image_size": size,
        "image_tokens": count,
        "image_tokens_min": fewest,
        "image_tokens_max": most,
        "shape_digest": digest,
        **more,
    }


def test_tokens_stand_beside_figures_with_their_spread_over_the_sample():
    section = make_section(
        ["max_image_tokens"],
        ("A", make_tokens(64, max_image_tokens=64)),
        ("A", make_tokens(120, spread=(30, 256), max_image_tokens=256)),
        ("A", make_tokens(None, max_image_tokens=1)),
    )
    (column,) = make_token_columns(section)
    assert (column.heading, column.cells) == ("Image tokens", ["64", "120 (30–256)", "–"])


@pytest.mark.parametrize(
    ("varied", "tokens"), [("batch_size", 64), ("image_size", None), ("image_input", None)]
)
def test_a_section_that_says_nothing_of_tokens_has_no_column(varied, tokens):
    row = make_tokens(tokens, batch_size=1, image_input="native")
    assert make_token_columns(make_section([varied], ("A", row))) == []


def describe(*cells, varied=("image_size",)):
    return list_size_notes(make_section(varied, *cells))


def test_sizes_that_change_nothing_are_named_with_their_tokens():
    sizes = (224, 336, 448)
    assert describe(*zip(repeat("A"), (make_tokens(32, size) for size in sizes))) == [
        "Image size changes nothing that is computed on A: at 224, 336 and 448 px the processor "
        "gives 32 tokens each."
    ]


def test_as_many_tokens_of_another_computation_are_not_called_nothing():
    cells = [("A", make_tokens(32, 224, "a")), ("A", make_tokens(32, 448, "b"))]
    assert describe(*cells) == [
        "Image size changes no number of tokens on A: at 224 and 448 px an image takes 32 each."
    ]


def test_other_tokens_a_single_size_or_another_axis_are_no_note():
    assert describe(("A", make_tokens(16, 224)), ("A", make_tokens(64, 448))) == []
    assert describe(("A", make_tokens(16, 224)), ("A", make_tokens(16, 448, spread=(4, 64)))) == []
    assert describe(("A", make_tokens(16, 224)), ("A", make_tokens(None, 448))) == []
    assert describe(("A", make_tokens(16, 224)), ("B", make_tokens(16, 448))) == []
    cells = [("A", make_tokens(16, 224)), ("A", make_tokens(16, 448))]
    assert (
        list_size_notes(
            make_section(
                ["max_input_len"], *((name, {**row, "max_input_len": 8}) for name, row in cells)
            )
        )
        == []
    )


def test_models_are_judged_apart():
    cells = [
        ("A", make_tokens(tokens[size], size, digest, model=model))
        for model, tokens, digest in (
            ("fixed", {224: 32, 448: 32}, "a"),
            ("dynamic", {224: 64, 448: 256}, "b"),
        )
        for size in (224, 448)
    ]
    (note,) = describe(*cells, varied=("model", "image_size"))
    assert "gives 32 tokens each" in note
