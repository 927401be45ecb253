"""A model's inputs: batches of images and prompts, with the image's places in the text."""

import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

import torch
from PIL import Image, ImageOps
from transformers import AddedToken

from vlmeter.data.prompts import Fit, Prompt, PromptError, fit_prompt
from vlmeter.data.samples import Text
from vlmeter.errors import one_line, shorten
from vlmeter.models.families import expected_image_tokens, image_token_id, is_encoder_decoder
from vlmeter.models.load import LoadedModel
from vlmeter.status import UnsupportedError

T = TypeVar("T")
Inputs = dict[str, Any]
"""Keyword arguments of a forward: tensors on the model's device.

Texts come batch first; images may come as tiles or patches of the whole batch together.
"""

_QFORMER_TEXT = ("qformer_input_ids", "qformer_attention_mask")
"""A second text of the same prompt, of a length of its own."""
_PIXELS = ("pixel_values", "flattened_patches")
"""What models call their images, as the processor makes them."""
_OF_IMAGES = ("pixel_", "image_sizes", "image_grid", "image_position_ids", "spatial_shapes")
"""How the names of inputs begin that have a place for each image, tile or patch."""


@dataclass(frozen=True)
class Item:
    """A sample with its image and the prompt made for it."""

    id: str
    image: bytes
    prompt: Prompt
    template: str
    """What the prompt was made from."""
    choices: tuple[str, ...] = ()
    """The options of a multiple choice."""
    place: int | None = None
    """Where it stands among all samples that are stored."""


class Feeder:
    """Makes batches for one model at one cell's settings."""

    def __init__(self, loaded: LoadedModel, image_input: str, max_input_len: int) -> None:
        """Choose the model and how it is fed.

        Args:
            loaded: The model.
            image_input: `processor` or `native`.
            max_input_len: Most text tokens of a prompt.
        """
        self._loaded = loaded
        self._max_input_len = max_input_len
        self._special = _match_special_tokens(loaded.processor)
        self._native = image_input == "native"
        self._decodes_apart = is_encoder_decoder(loaded.model.config)

    def fit(self, template: str, text: Text) -> Fit:
        """Find what a sample's prompt keeps, cut to the cell's length.

        The length is of the user's text: neither the image nor a chat template takes from it.

        Raises:
            TemplateTooLongError: even without the sample's texts it is too long.
            PromptError: a text of the sample holds a special token, which no tokenizer takes for
                text; an image's among them would promise a second image.
            UnsupportedError: the template itself holds the image's token.
        """
        self._check_special_tokens(template, text)
        family, processor = self._loaded.family, self._loaded.processor
        return fit_prompt(
            template,
            text,
            self._max_input_len,
            lambda prompt: family.text_tokens(processor, prompt),
        )

    def _check_special_tokens(self, template: str, text: Text) -> None:
        own = self._special.search(template)
        image_token = getattr(self._loaded.processor, "image_token", None)
        if own is not None and own[0] == str(image_token):
            raise UnsupportedError(
                f"the prompt's template holds {shorten(own[0])}, which the processor puts before "
                "the text by itself: take it out of the template"
            )
        filled = {
            "question": [text.question],
            "context": [text.context],
            "choices": text.choices,
            "options": text.choices,
        }
        for field, values in filled.items():
            held = self._special.search("\n".join(values)) if f"{{{field}}}" in template else None
            if held is not None:
                raise PromptError(
                    f"has {shorten(held[0], 40)} in its {field}, a special token of the tokenizer "
                    "and no text: take it out of the data"
                )

    def batch(self, items: Sequence[Item]) -> Inputs:
        """Return one batch.

        Returns:
            What the processor makes of images and texts, on the model's device: input_ids and
            attention_mask of shape (batch, image + text tokens), pixel_values and what else the
            family takes; for an encoder-decoder the decoder's start; what the forward needs to
            take a larger image.

        Raises:
            UnsupportedError: the model takes images of its own size alone.
        """
        loaded = self._loaded
        options: dict[str, bool] = dict(loaded.family.processor_options)
        if self._native:
            options |= {"do_resize": False, "do_center_crop": False}
        processed = loaded.processor(
            images=loaded.family.images([_decode_image(item) for item in items]),
            text=[loaded.family.text(loaded.processor, item.prompt.text) for item in items],
            padding=True,
            return_tensors="pt",
            **options,
        )
        inputs: Inputs = dict(processed.to(loaded.device, loaded.dtype))
        # Made for training: with labels the forward would compute a loss.
        inputs.pop("labels", None)
        if self._decodes_apart:
            start = loaded.decoder_start_token_id
            inputs["decoder_input_ids"] = inputs["input_ids"].new_full((len(items), 1), start)
        if self._native:
            if not loaded.interpolates_positions:
                raise UnsupportedError(
                    f"image_input native: {loaded.model.config.model_type} takes images at its "
                    "own size alone, its position encodings are not interpolated"
                )
            inputs["interpolate_pos_encoding"] = True
        return inputs

    def workload(
        self, items: Sequence[Item], longest: Item, batch_size: int, most: int
    ) -> list[Inputs]:
        """Return up to `most` distinct full batches of one shape: that of the longest prompt.

        Args:
            items: The first samples: those of these batches, or all where they are fewer.
            longest: The sample with the longest prompt of all.
            batch_size: Rows of a batch.
            most: Most batches.
        """
        batches = [self.batch(batch) for batch in make_full_batches(items, batch_size, most)]
        of_longest = self.batch([longest])
        widths = {
            name: max(inputs[name].shape[1] for inputs in (of_longest, *batches))
            for name in list_text_inputs(of_longest)
        }
        return [self._pad(inputs, widths) for inputs in batches]

    def _pad(self, inputs: Inputs, widths: Mapping[str, int]) -> Inputs:
        """Pad every row to these lengths with masked tokens, on the tokenizer's side."""
        padded = dict(inputs)
        for name, width in widths.items():
            missing = width - inputs[name].shape[1]
            sides = (missing, 0) if self._loaded.tokenizer.padding_side == "left" else (0, missing)
            behind = (0, 0) * (inputs[name].dim() - 2)
            value = self._loaded.pad_token_id if name == "input_ids" else 0
            padded[name] = torch.nn.functional.pad(inputs[name], (*behind, *sides), value=value)
        return padded

    def count_image_tokens(self, inputs: Inputs) -> list[int]:
        """Return how many positions the image takes in each row, after a check that they are there.

        Without them the forward runs without the image and without an error.

        Raises:
            ValueError: a row lacks them, or rows differ from what the model fixes.
        """
        config = self._loaded.model.config
        outside = self._loaded.family.count_image_positions_outside_text(config, inputs)
        token = image_token_id(config)
        if token is None:
            return outside
        counts = (inputs["input_ids"] == token).sum(dim=1).tolist()
        expected = expected_image_tokens(config)
        if min(counts) == 0 or (expected is not None and set(counts) != {expected}):
            raise ValueError(
                f"the prompt holds {counts} image tokens, the model wants {expected or 'some'}: "
                "this revision's processor does not fit the model"
            )
        return outside if any(outside) else counts


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


def _decode_image(item: Item) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(item.image))
        image.load()
    except OSError as error:
        raise ValueError(
            f"sample {item.id}: its image cannot be decoded ({one_line(error)})"
        ) from error
    return image


def invert_image(item: Item) -> bytes:
    """Return the negative of a sample's image, encoded."""
    out = io.BytesIO()
    ImageOps.invert(_decode_image(item).convert("RGB")).save(out, format="PNG")
    return out.getvalue()


def _match_special_tokens(processor: Any) -> re.Pattern[str]:  # noqa: ANN401 - any processor
    """Return what matches a token that a text cannot hold as text, the longest first.

    Besides the tokenizer's special tokens these are the processor's own placeholders: it replaces
    them in the text before the tokenizer sees it.
    """
    tokenizer = processor.tokenizer
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    placeholders = (value for name, value in vars(processor).items() if name.endswith("_token"))
    tokens = {
        *map(str, tokenizer.all_special_tokens),
        *(str(token) for token in added if token.special),
        *(str(token) for token in placeholders if isinstance(token, str | AddedToken)),
    }
    # A line's end, which ends an answer of some models, is text all the same.
    longest_first = sorted(filter(str.strip, tokens), key=lambda token: (-len(token), token))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def split_into_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in batches; the last may be smaller."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def split_by_place(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in batches, each of those that are stored in the same `size` places.

    What is left out leaves a gap, so that a run that begins where a batch does has the batches of
    the whole. Items that are not stored count from the first.
    """

    def find_batch(numbered: tuple[int, Item]) -> int:
        number, item = numbered
        return (number if item.place is None else item.place) // size

    for _, batch in groupby(enumerate(items), key=find_batch):
        yield [item for _, item in batch]


def make_full_batches(items: Sequence[Item], size: int, most: int) -> list[list[Item]]:
    """Return up to `most` distinct full batches; a sample smaller than a batch repeats."""
    count = max(1, min(most, len(items) // size))
    return [
        [items[(batch * size + row) % len(items)] for row in range(size)] for batch in range(count)
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
