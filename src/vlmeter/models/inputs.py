"""The inputs of a forward: those of the text, the shape of an image, and when two are equal."""

import hashlib
from collections.abc import Sequence
from typing import Any

import torch

Inputs = dict[str, Any]
"""Keyword arguments of a forward: tensors on the model's device.

Texts come batch first; images may come as tiles or patches of the whole batch together.
"""

_QFORMER_TEXT = ("qformer_input_ids", "qformer_attention_mask")
"""A second text of the same prompt, of a length of its own."""
_PIXELS = ("pixel_values", "flattened_patches", "image_pixel_values")
"""What models call their images, as the processor makes them."""
_OF_IMAGES = (
    *("pixel_", "image_pixel_", "image_attention_", "image_sizes", "image_grid"),
    *("image_position_ids", "spatial_shapes"),
)
"""How the names of inputs begin that have a place for each image, tile or patch."""


def list_text_inputs(inputs: Inputs) -> list[str]:
    """Return the inputs that have a place for each token of a text: ids, masks, types.

    An image could be cut into as many patches as the text has tokens, so that pixels and what goes
    with them are left out by name.
    """
    width = inputs["input_ids"].shape[:2]
    return [
        name
        for name, value in inputs.items()
        if name in _QFORMER_TEXT
        or (
            isinstance(value, torch.Tensor)
            and value.shape[:2] == width
            and not name.startswith(_OF_IMAGES)
        )
    ]


def describe_pixels(inputs: Inputs) -> list[int]:
    """Return the shape of one image as the model gets it.

    Where the tiles or patches of all images come together, how many an image has on average stands
    first.
    """
    pixels = next(inputs[name] for name in _PIXELS if name in inputs)
    rows, (first, *rest) = len(inputs["input_ids"]), pixels.shape
    return rest if first == rows else [round(first / rows), *rest]


def digests(batches: Sequence[Inputs]) -> tuple[str, str]:
    """Return digests of what is computed: of shapes and tokens, and of the pixels as well.

    Equal first digests mean the same computation, equal second ones the same input too.
    """
    shape, content = hashlib.sha256(), hashlib.sha256()
    for inputs in batches:
        for name in sorted(inputs):
            value = inputs[name]
            if not isinstance(value, torch.Tensor):
                shape.update(f"{name}={value};".encode())
                continue
            shape.update(f"{name}:{tuple(value.shape)}:{value.dtype};".encode())
            data = value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
            (content if value.is_floating_point() else shape).update(data)
    content.update(shape.digest())
    return shape.hexdigest()[:16], content.hexdigest()[:16]
