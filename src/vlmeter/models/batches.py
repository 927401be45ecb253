"""What a model is fed: batches of images and prompts, with the image's places in the text."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from PIL import Image

from vlmeter.data.prompts import Prompt, TemplateTooLongError, fit_prompt
from vlmeter.data.samples import Text
from vlmeter.failures import UnsupportedError
from vlmeter.models.families import expected_image_tokens, image_token_id
from vlmeter.models.load import LoadedModel

T = TypeVar("T")
Inputs = dict[str, Any]
"""Keyword arguments of a forward: tensors on the model's device, batch first."""


@dataclass(frozen=True)
class Item:
    """A sample with its picture and the prompt made for it."""

    id: str
    image: bytes
    prompt: Prompt
    template: str
    """What the prompt was made from."""
    choices: tuple[str, ...] = ()
    """The options of a multiple choice."""


class Feeder:
    """Makes batches for one model at one cell's settings."""

    def __init__(self, loaded: LoadedModel, axes: Mapping[str, Any]) -> None:
        self._loaded = loaded
        self._native = axes["image_input"] == "native"
        self._max_input_len = int(axes["max_input_len"])

    def items(
        self,
        images: Sequence[tuple[str, bytes]],
        texts: Mapping[str, Text],
        template_of: Callable[[Text], str],
    ) -> list[Item]:
        """Return the samples with their prompts, cut to the cell's length."""

        def count(prompt: str) -> int:
            return len(self._loaded.tokenizer(prompt)["input_ids"])

        def item(name: str, data: bytes) -> Item:
            template = template_of(texts[name])
            prompt = fit_prompt(template, texts[name], self._max_input_len, count)
            return Item(name, data, prompt, template, texts[name].choices)

        try:
            return [item(name, data) for name, data in images]
        except TemplateTooLongError as error:
            raise UnsupportedError(str(error)) from error

    def batch(self, items: Sequence[Item], text_tokens: int | None = None) -> Inputs:
        """Return one batch.

        Args:
            items: The samples; the batch has as many rows.
            text_tokens: Text tokens that every row is padded to; default: the longest's.

        Returns:
            input_ids and attention_mask of shape (batch, image + text tokens), pixel_values as
            the processor makes them, and what the forward needs to take a larger image.
        """
        images = [Image.open(io.BytesIO(item.image)) for item in items]
        options: dict[str, Any] = {}
        if self._native:
            options = {"do_resize": False, "do_center_crop": False}
        inputs = self._loaded.processor(
            images=images,
            text=[item.prompt.text for item in items],
            padding=True,
            return_tensors="pt",
            **options,
        )
        fed: Inputs = dict(inputs.to(self._loaded.device, self._loaded.dtype))
        if text_tokens is not None:
            longest = max(item.prompt.tokens for item in items)
            fed = _padded(fed, text_tokens - longest, self._loaded.pad_token_id)
        if self._native:
            fed["interpolate_pos_encoding"] = True
        return fed

    def image_tokens(self, inputs: Inputs) -> int:
        """Return how many image tokens each row has, having checked that they are there.

        Without them the forward runs silently without the image.

        Raises:
            ValueError: a row lacks them, or rows differ from what the model fixes.
        """
        config = self._loaded.model.config
        token = image_token_id(config)
        if token is None:
            return 0
        counts = (inputs["input_ids"] == token).sum(dim=1).tolist()
        expected = expected_image_tokens(config)
        if min(counts) == 0 or (expected is not None and set(counts) != {expected}):
            raise ValueError(
                f"the prompt holds {counts} image tokens, the model wants {expected or 'some'}: "
                "this revision's processor does not fit the model"
            )
        return int(max(counts))


def _padded(inputs: Inputs, missing: int, pad_token_id: int) -> Inputs:
    """Pad every row on the left by `missing` masked tokens."""
    if missing <= 0:
        return inputs
    padded = dict(inputs)
    for name, value in (("input_ids", pad_token_id), ("attention_mask", 0), ("token_type_ids", 0)):
        if name in inputs:
            padded[name] = torch.nn.functional.pad(inputs[name], (missing, 0), value=value)
    return padded


def in_batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items in batches; the last may be smaller."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def full_batches(items: Sequence[Item], size: int, most: int) -> list[list[Item]]:
    """Return up to `most` distinct full batches; a sample smaller than a batch repeats."""
    count = max(1, min(most, len(items) // size))
    return [
        [items[(batch * size + row) % len(items)] for row in range(size)] for batch in range(count)
    ]


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
