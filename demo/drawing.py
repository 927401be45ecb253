"""Shared by all kinds of picture: random streams, colours, lettering and the sample type."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

T = TypeVar("T")
Rgb = tuple[int, int, int]

TRAINING = 1
"""First number of every training seed."""
EVALUATION = 2
"""First number of every evaluation seed: no seed serves both purposes."""

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
    """A thing at a point of a picture."""

    names: tuple[str, ...]
    """What it is and its role in the picture, such as its place in a row."""
    x_px: int
    y_px: int


class Sample(NamedTuple):
    """A picture with its question and all facts about it."""

    image: Image.Image
    question: str
    """Empty for a caption."""
    answers: list[str]
    """Five captions, the answers of ten annotators or the right option."""
    facts: list[str]
    """All that the picture shows, whether the question needs it or not: targets of a loss."""
    marks: list[Mark]
    """The things at a point of the picture: targets of another loss."""
    choices: list[str] = []
    questions: dict[str, str] = {}
    """Every short question that can be asked about the picture, with its answer."""
    details: dict[str, str] = {}


def make_generator(purpose: int, set_index: int, seed: int, index: int) -> np.random.Generator:
    """Return the random generator of a sample, whatever other samples are drawn."""
    return np.random.default_rng([purpose, set_index, seed, index])


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Draw an item."""
    return items[int(rng.integers(len(items)))]


def pick_distinct(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """Draw different items, in random order."""
    return [items[int(i)] for i in rng.permutation(len(items))[:count]]


def draw_shift(rng: np.random.Generator, reach_px: int) -> int:
    """Draw a shift between -reach_px and +reach_px."""
    return int(rng.integers(-reach_px, reach_px + 1))


def add_article(words: str) -> str:
    """Put the indefinite article before words."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def make_canvas(side_px: int, colour: Rgb) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a square picture and a pen that draws on it."""
    image = Image.new("RGB", (side_px, side_px), colour)
    pen = ImageDraw.Draw(image)
    # Letters without grey edges: a picture of a few colours is a small PNG.
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
    """Write text centred on a point, in the font of Pillow."""
    if height_px not in _FONTS:
        _FONTS[height_px] = ImageFont.load_default(height_px)
    pen.text(
        centre_px, text, fill=colour, font=_FONTS[height_px], anchor="mm", stroke_width=bold_px
    )


def choose_ink(colour: Rgb) -> Rgb:
    """Return black or white, whichever is readable on the colour."""
    red, green, blue = colour
    return INK if 0.3 * red + 0.59 * green + 0.11 * blue > 120 else (255, 255, 255)
