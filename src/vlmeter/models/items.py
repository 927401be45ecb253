"""Samples with their prompts, and how they are put into batches."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeVar

from PIL import Image, ImageOps

from vlmeter.data.prompts import Prompt
from vlmeter.errors import one_line

T = TypeVar("T")


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


def decode_image(item: Item) -> Image.Image:
    """Return a sample's image.

    Raises:
        ValueError: it cannot be decoded.
    """
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
    ImageOps.invert(decode_image(item).convert("RGB")).save(out, format="PNG")
    return out.getvalue()


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
