"""Which inputs belong to the text, what shape an image has, and when two inputs are equal."""

import pytest
import torch

from vlmeter.models.inputs import describe_pixels, digests, list_text_inputs


def make_inputs(rows, length, **more):
    """A batch of texts with other inputs of these shapes."""
    shapes = {"input_ids": (rows, length), "attention_mask": (rows, length), **more}
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("more", "texts"),
    [
        ({"pixel_values": (2, 7, 4)}, set()),
        ({"pixel_values": (2, 3, 8, 8), "mm_token_type_ids": (2, 7)}, {"mm_token_type_ids"}),
        ({"cross_attention_mask": (2, 7, 1, 4)}, {"cross_attention_mask"}),
        ({"image_embeds_position_mask": (2, 7)}, {"image_embeds_position_mask"}),
        # As many patches as tokens.
        ({"pixel_position_ids": (2, 7, 2), "image_position_ids": (2, 7, 2)}, set()),
        ({"image_grid_thw": (2, 3), "image_sizes": (2, 2)}, set()),
        ({"image_pixel_values": (2, 7, 3, 8, 8), "image_attention_mask": (2, 7, 4, 4)}, set()),
        ({"qformer_input_ids": (2, 5)}, {"qformer_input_ids"}),
    ],
)
def test_an_input_is_a_texts_where_it_has_a_place_for_each_token(more, texts):
    inputs = make_inputs(2, 7, **more)
    assert set(list_text_inputs(inputs)) == {"input_ids", "attention_mask", *texts}


@pytest.mark.parametrize(
    ("pixels", "of_an_image"),
    [((2, 3, 28, 28), [3, 28, 28]), ((12, 1176), [6, 1176]), ((5, 3, 8, 8), [2, 3, 8, 8])],
)
def test_the_shape_of_an_image_is_apart_from_that_of_a_batch(pixels, of_an_image):
    assert describe_pixels(make_inputs(2, 7, pixel_values=pixels)) == of_an_image
    assert describe_pixels(make_inputs(2, 7, flattened_patches=pixels)) == of_an_image
    assert describe_pixels(make_inputs(2, 7, image_pixel_values=pixels)) == of_an_image


def test_equal_batches_have_equal_digests(feeder, items):
    assert digests([feeder.batch(items[:2])]) == digests([feeder.batch(items[:2])])


def test_other_pixels_are_the_same_computation_on_another_input(feeder, items):
    first, other = feeder.batch(items[:1]), feeder.batch(items[:1])
    other["pixel_values"] = other["pixel_values"] + 1
    (shape, content), (other_shape, other_content) = digests([first]), digests([other])
    assert shape == other_shape
    assert content != other_content


@pytest.mark.parametrize("name", ["input_ids", "attention_mask"])
def test_another_token_or_mask_is_another_computation(feeder, items, name):
    first, other = feeder.batch(items[:1]), feeder.batch(items[:1])
    other[name] = other[name].clone()
    other[name][0, -1] = 0
    (shape, content), (other_shape, other_content) = digests([first]), digests([other])
    assert shape != other_shape
    assert content != other_content


def test_another_length_or_number_format_or_size_is_another_computation(
    loaded, load, make_feeder, make_items, feeder, items
):
    shapes = {digests([feeder.batch(items[:1])])[0], digests([feeder.batch(items[1:2])])[0]}
    half = make_feeder(load(dtype="bf16"))
    shapes.add(digests([half.batch(make_items(half)[:1])])[0])
    native = make_feeder(loaded, image_input="native")
    for side in (28, 42):
        shapes.add(digests([native.batch(make_items(native, side=side)[:1])])[0])
    assert len(shapes) == 5
