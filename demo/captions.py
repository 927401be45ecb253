"""Pictures of one to three coloured shapes, with five captions each (COCO-like)."""

import math

import numpy as np
from PIL import ImageDraw

from .drawing import (
    COLOURS,
    PAPER,
    Mark,
    Rgb,
    Sample,
    add_article,
    draw_shift,
    make_canvas,
    pick,
    pick_distinct,
)

SIDE_PX = 224
SHAPES = ("circle", "square", "triangle", "star", "diamond", "cross")
PLACES = {
    "in the middle": (112, 112),
    "in the top left corner": (56, 56),
    "in the top right corner": (168, 56),
    "in the bottom left corner": (56, 168),
    "in the bottom right corner": (168, 168),
}
PLACES_IN_LINE_PX = {2: (56, 168), 3: (28, 112, 196)}
JITTER_PX = 4
"""Shapes stay near the corners of the model's patches, so that it learns their outlines early."""
CAPTIONS_PER_SAMPLE = 5


def draw_caption_sample(rng: np.random.Generator) -> Sample:
    """Draw a picture and write five captions for it."""
    count = int(rng.integers(1, 4))
    paper = pick(rng, list(PAPER))
    things = [
        f"{colour} {pick(rng, SHAPES)}" for colour in pick_distinct(rng, list(COLOURS), count)
    ]
    image, pen = make_canvas(SIDE_PX, PAPER[paper])
    radius_px = 27
    if count == 1:
        size = pick(rng, ("small", "large"))
        place = pick(rng, list(PLACES))
        radius_px = 20 if size == "small" else 44
        points = [PLACES[place]]
        first, others = _describe_1(things[0], size, place, paper)
        facts = [size, place]
    else:
        across = bool(rng.integers(2))
        lines = [(along_px, SIDE_PX // 2) for along_px in PLACES_IN_LINE_PX[count]]
        points = lines if across else [(y, x) for x, y in lines]
        first, others = (_describe_2 if count == 2 else _describe_3)(things, across, paper)
        facts = [f"across {across}"]
    facts += [f"{i} {thing}" for i, thing in enumerate(things)]
    marks = []
    for i, (thing, (x, y)) in enumerate(zip(things, points, strict=True)):
        centre_px = x + draw_shift(rng, JITTER_PX), y + draw_shift(rng, JITTER_PX)
        _draw_thing(pen, thing, centre_px, radius_px)
        marks += _mark_quarters((*thing.split(), f"place {i}"), centre_px, radius_px // 2)
    captions = [first, *pick_distinct(rng, others, CAPTIONS_PER_SAMPLE - 1)]
    order = rng.permutation(CAPTIONS_PER_SAMPLE)
    return Sample(
        image=image,
        question="",
        answers=[captions[int(i)] for i in order],
        facts=[f"caption {fact}" for fact in [*facts, f"{count} things", paper]],
        marks=marks,
        details={"first": first},
    )


# Each of these functions returns the first wording and the others. The first is always among the
# five captions, and a model learns to prefer it.


def _describe_1(thing: str, size: str, place: str, paper: str) -> tuple[str, list[str]]:
    return f"a {size} {thing} {place}", [
        f"there is {add_article(thing)} {place}",
        f"a {paper} picture with a {size} {thing} {place}",
        f"one {size} {thing} on a {paper} background",
        f"the {place.removeprefix('in the ')} holds a {size} {thing}",
        f"a {size} {thing} is drawn {place}",
        f"a single {thing} {place}",
    ]


def _describe_2(things: list[str], across: bool, paper: str) -> tuple[str, list[str]]:
    first, second = (add_article(thing) for thing in things)
    forward = "to the left of" if across else "above"
    backward = "to the right of" if across else "below"
    return f"{first} {forward} {second}", [
        f"{second} {backward} {first}",
        f"{first} and {second} on a {paper} background",
        f"there is {first} {forward} {second}",
        f"a picture of {first} and {second}",
        f"two shapes with {first} {forward} {second}",
        f"a {paper} picture with {second} {backward} {first}",
    ]


def _describe_3(things: list[str], across: bool, paper: str) -> tuple[str, list[str]]:
    first, second, third = (add_article(thing) for thing in things)
    line = "in a row" if across else "in a column"
    ends = "from left to right" if across else "from top to bottom"
    return f"{first} then {second} then {third} {ends}", [
        f"{first} and {second} and {third} {line}",
        f"three shapes {line} on a {paper} background",
        f"{second} between {first} and {third}",
        f"a picture of {first} and {second} and {third}",
        f"there are {first} and {second} and {third} {ends}",
        f"a {paper} picture of three shapes {line}",
    ]


def _mark_quarters(names: tuple[str, ...], centre_px: tuple[int, int], reach_px: int) -> list[Mark]:
    x_px, y_px = centre_px
    ways = (-reach_px, reach_px)
    return [Mark(names, x_px + dx, y_px + dy) for dx in ways for dy in ways]


def _draw_thing(
    pen: ImageDraw.ImageDraw, thing: str, centre_px: tuple[int, int], radius_px: int
) -> None:
    colour_name, shape = thing.split()
    colour: Rgb = COLOURS[colour_name]
    x_px, y_px = centre_px
    box = (x_px - radius_px, y_px - radius_px, x_px + radius_px, y_px + radius_px)
    if shape == "circle":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    elif shape == "cross":
        arm_px = radius_px // 3
        pen.rectangle((box[0], y_px - arm_px, box[2], y_px + arm_px), fill=colour)
        pen.rectangle((x_px - arm_px, box[1], x_px + arm_px, box[3]), fill=colour)
    else:
        radii = {"triangle": (1.2,), "diamond": (1.1,), "star": (1.25, 0.5)}[shape]
        corners = {"triangle": 3, "diamond": 4, "star": 10}[shape]
        points = []
        for corner in range(corners):
            angle = 2 * math.pi * corner / corners - math.pi / 2
            reach_px = radius_px * radii[corner % len(radii)]
            points.append((x_px + reach_px * math.cos(angle), y_px + reach_px * math.sin(angle)))
        pen.polygon(points, fill=colour)
