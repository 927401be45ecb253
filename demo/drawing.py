"""What the three kinds of picture share: random streams, colours, lettering and the sample type."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

T = TypeVar("T")
Rgb = tuple[int, int, int]

TRAINING = 1
"""First word of every training seed."""
EVALUATION = 2
"""First word of every evaluation seed; the two streams share no seed."""

COLOURS: dict[str, Rgb] = {
    "red": (220, 30, 30),
    "blue": (30, 60, 220),
    "green": (20, 150, 50),
    "yellow": (250, 220, 30),
    "orange": (250, 135, 10),
    "purple": (130, 40, 160),
    "black": (15, 15, 15),
}
PAPER: dict[str, Rgb] = {
    "white": (255, 255, 255),
    "gray": (195, 195, 195),
    "pink": (255, 205, 220),
}
INK: Rgb = (15, 15, 15)


class Mark(NamedTuple):
    """One thing at one point of a picture."""

    names: tuple[str, ...]
    """What it is, and its part in the picture: its place in a row, say."""
    x_px: int
    y_px: int


class Sample(NamedTuple):
    """One picture with its question and everything known about it."""

    image: Image.Image
    question: str
    """Empty for a caption."""
    answers: list[str]
    """Five captions, ten annotators' answers or the one right option."""
    facts: list[str]
    """All that the picture tells, asked for or not: the targets of the auxiliary loss."""
    marks: list[Mark]
    """The things that can be pointed at: the targets of the other auxiliary loss."""
    choices: list[str] = []
    questions: dict[str, str] = {}
    """Every short question that can be asked about the picture, with its answer."""
    details: dict[str, str] = {}


def random_stream(purpose: int, set_index: int, seed: int, index: int) -> np.random.Generator:
    """Return the generator of one sample, independent of how many samples are drawn."""
    return np.random.default_rng([purpose, set_index, seed, index])


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Draw one item."""
    return items[int(rng.integers(len(items)))]


def pick_distinct(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """Draw different items, in random order."""
    return [items[int(i)] for i in rng.permutation(len(items))[:count]]


def jitter(rng: np.random.Generator, reach_px: int) -> int:
    """Draw a shift between -reach_px and +reach_px."""
    return int(rng.integers(-reach_px, reach_px + 1))


def with_article(words: str) -> str:
    """Prefix the indefinite article."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def new_canvas(side_px: int, colour: Rgb) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Make a square picture and the pen that draws on it."""
    image = Image.new("RGB", (side_px, side_px), colour)
    pen = ImageDraw.Draw(image)
    # Letters without grey edges keep the picture to a handful of colours, which PNG packs tightly.
    pen.fontmode = "1"
    return image, pen


_FONTS: dict[int, ImageFont.ImageFont | ImageFont.FreeTypeFont] = {}


def write(
    pen: ImageDraw.ImageDraw,
    text: str,
    centre_px: tuple[float, float],
    *,
    height_px: int,
    colour: Rgb,
    bold_px: int = 0,
) -> None:
    """Write text centred on a point in Pillow's bundled font."""
    if height_px not in _FONTS:
        _FONTS[height_px] = ImageFont.load_default(height_px)
    pen.text(
        centre_px, text, fill=colour, font=_FONTS[height_px], anchor="mm", stroke_width=bold_px
    )


def ink_on(colour: Rgb) -> Rgb:
    """Choose black or white lettering, whichever stands out from the colour."""
    red, green, blue = colour
    return INK if 0.3 * red + 0.59 * green + 0.11 * blue > 120 else (255, 255, 255)
