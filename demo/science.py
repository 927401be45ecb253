"""Diagrams with a multiple-choice question (ScienceQA-like).

The picture alone does not decide the answer: the last words of the question say what is asked.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import ImageDraw

from .drawing import (
    COLOURS,
    INK,
    PAPER,
    Mark,
    Sample,
    jitter,
    new_canvas,
    pick,
    pick_distinct,
    write,
)
from .lectures import LECTURES, LENGTHS, lengthen

SIDE_PX = 224
DIRECTIONS = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}
MAGNET_COLOURS = {"n": COLOURS["red"], "s": COLOURS["blue"]}


class Diagram(NamedTuple):
    """What was drawn: the answer to every clause that may be asked about it."""

    answers: dict[str, str]
    """From the clause that ends the question to the right option."""
    choices: list[str]
    marks: list[Mark]


Pen = ImageDraw.ImageDraw
Drawer = Callable[[np.random.Generator, Pen], Diagram]


def draw_science_sample(rng: np.random.Generator, length: str | None = None) -> Sample:
    """Draw one diagram and ask one question about it.

    Args:
        rng: Source of every choice.
        length: Length class of the question; drawn at random if not given.
    """
    kind = pick(rng, list(DRAWERS))
    image, pen = new_canvas(SIDE_PX, pick(rng, list(PAPER.values())))
    diagram = DRAWERS[kind](rng, pen)
    clause = pick(rng, list(diagram.answers))
    choices = pick_distinct(rng, diagram.choices, len(diagram.choices))
    return Sample(
        image=image,
        question=lengthen(rng, kind, clause, length or pick(rng, list(LENGTHS))),
        answers=[diagram.answers[clause]],
        facts=[f"{question} {answer}" for question, answer in diagram.answers.items()],
        marks=diagram.marks,
        choices=choices,
        details={
            "topic": TOPICS[kind],
            "lecture": " ".join(LECTURES[kind]),
            "solution": f"The diagram shows that the answer is {diagram.answers[clause]}.",
        },
    )


def _draw_bars(rng: np.random.Generator, pen: Pen) -> Diagram:
    count = int(rng.integers(2, 6))
    names = pick_distinct(rng, list(COLOURS), count)
    heights_px = [24 + 32 * level for level in pick_distinct(rng, range(5), count)]
    floor_px = 196 + jitter(rng, 6)
    slot_px = 196 // count
    marks = []
    for i, (name, height_px) in enumerate(zip(names, heights_px, strict=True)):
        left_px = 18 + i * slot_px + jitter(rng, 3)
        pen.rectangle(
            (left_px, floor_px - height_px, left_px + slot_px - 14, floor_px), fill=COLOURS[name]
        )
        marks.append(Mark(f"bar {name}", left_px + slot_px // 2 - 7, floor_px - height_px))
    pen.rectangle((8, floor_px, 216, floor_px + 3), fill=INK)
    by_height = [name for _, name in sorted(zip(heights_px, names, strict=True))]
    return Diagram(
        answers={
            "look at the bars in the chart. which bar is the tallest?": by_height[-1],
            "look at the bars in the chart. which bar is the shortest?": by_height[0],
            "look at the bars in the chart. which bar is the first from the left?": names[0],
            "look at the bars in the chart. which bar is the first from the right?": names[-1],
        },
        choices=names,
        marks=marks,
    )


def _draw_magnets(rng: np.random.Generator, pen: Pen) -> Diagram:
    poles = [pick(rng, ("ns", "sn")) for _ in range(2)]
    top_px = 92 + jitter(rng, 16)
    gap_px = jitter(rng, 6)
    marks = []
    for left_px, pair in zip((14 - gap_px, 126 + gap_px), poles, strict=True):
        for half, pole in enumerate(pair):
            edge_px = left_px + 42 * half
            pen.rectangle((edge_px, top_px, edge_px + 42, top_px + 40), fill=MAGNET_COLOURS[pole])
            centre_px = (edge_px + 21, top_px + 20)
            marks.append(Mark(f"pole {pole}", *centre_px))
            write(pen, pole.upper(), centre_px, height_px=28, colour=(255, 255, 255), bold_px=1)
    attract = poles[0][1] != poles[1][0]
    now, turned = ("attract", "repel") if attract else ("repel", "attract")
    names = {"n": "north pole", "s": "south pole"}
    return Diagram(
        answers={
            "look at the two magnets. what will the magnets do as they are now?": now,
            "look at the two magnets. what will they do after one magnet is turned around?": turned,
            "look at the two magnets. which pole is at the far left end?": names[poles[0][0]],
            "look at the two magnets. which pole is at the far right end?": names[poles[1][1]],
        },
        choices=["attract", "repel", "north pole", "south pole"],
        marks=marks,
    )


def _draw_arrow(rng: np.random.Generator, pen: Pen) -> Diagram:
    names = list(DIRECTIONS)
    turn = int(rng.integers(4))
    x_px, y_px = 112 + jitter(rng, 16), 112 + jitter(rng, 16)
    dx, dy = DIRECTIONS[names[turn]]
    colour = COLOURS[pick(rng, list(COLOURS))]
    outline = ((-60, -9), (15, -9), (15, -32), (64, 0), (15, 32), (15, 9), (-60, 9))
    pen.polygon([(x_px + a * dx - b * dy, y_px + a * dy + b * dx) for a, b in outline], fill=colour)
    tail_px = (x_px - 76 * dx, y_px - 76 * dy)
    pen.rectangle(
        (tail_px[0] - 15, tail_px[1] - 15, tail_px[0] + 15, tail_px[1] + 15), fill=(140, 100, 60)
    )
    return Diagram(
        answers={
            "look at the arrow. in which direction does the force act?": names[turn],
            "look at the arrow. in which direction does the friction act?": names[(turn + 2) % 4],
        },
        choices=names,
        marks=[Mark(f"arrow {names[turn]}", x_px + 30 * dx, y_px + 30 * dy)],
    )


def _draw_chain(rng: np.random.Generator, pen: Pen) -> Diagram:
    count = int(rng.integers(3, 5))
    names = pick_distinct(rng, list(COLOURS), count)
    rightward = bool(rng.integers(2))
    slot_px = SIDE_PX // count
    y_px = 112 + jitter(rng, 20)
    shown = names if rightward else names[::-1]
    marks = []
    for i, name in enumerate(shown):
        x_px = slot_px // 2 + i * slot_px
        pen.ellipse((x_px - 16, y_px - 16, x_px + 16, y_px + 16), fill=COLOURS[name])
        marks.append(Mark(f"living thing {name}", x_px, y_px))
        if i == 0:
            continue
        middle_px = i * slot_px
        way = 1 if rightward else -1
        tip_px, base_px = middle_px + 11 * way, middle_px - 7 * way
        marks.append(Mark(f"arrow {way}", middle_px, y_px))
        pen.polygon([(tip_px, y_px), (base_px, y_px - 12), (base_px, y_px + 12)], fill=INK)
    return Diagram(
        answers={
            "look at the chain. which living thing is the producer?": names[0],
            "look at the chain. which living thing eats the producer?": names[1],
            "look at the chain. which living thing is the top consumer?": names[-1],
        },
        choices=names,
        marks=marks,
    )


def _draw_beakers(rng: np.random.Generator, pen: Pen) -> Diagram:
    levels = [int(rng.integers(1, 6)) for _ in range(2)]
    if rng.random() < 0.25:
        levels[1] = levels[0]
    floor_px = 180 + jitter(rng, 10)
    liquid = COLOURS[pick(rng, ("blue", "green", "orange", "purple"))]
    marks = []
    for x_px, level in zip((28, 130), levels, strict=True):
        left_px = x_px + jitter(rng, 6)
        pen.rectangle((left_px, floor_px - 132, left_px + 66, floor_px), fill=(255, 255, 255))
        pen.rectangle((left_px, floor_px - 24 * level, left_px + 66, floor_px), fill=liquid)
        pen.line([(left_px, floor_px - 132), (left_px, floor_px), (left_px + 66, floor_px)], INK, 4)
        pen.line([(left_px + 66, floor_px), (left_px + 66, floor_px - 132)], INK, 4)
        marks.append(Mark(f"level {level}", left_px + 33, floor_px - 24 * level))
    left_minus_right = levels[0] - levels[1]
    sides = {0: ("neither", "neither"), 1: ("left", "right"), -1: ("right", "left")}
    more, less = sides[int(np.sign(left_minus_right))]
    return Diagram(
        answers={
            "look at the two beakers. which beaker holds more liquid?": more,
            "look at the two beakers. which beaker holds less liquid?": less,
        },
        choices=["left", "right", "neither"],
        marks=marks,
    )


DRAWERS: dict[str, Drawer] = {
    "bars": _draw_bars,
    "magnets": _draw_magnets,
    "arrow": _draw_arrow,
    "chain": _draw_chain,
    "beakers": _draw_beakers,
}
TOPICS = {
    "bars": "experiments",
    "magnets": "magnets",
    "arrow": "forces",
    "chain": "ecosystems",
    "beakers": "volume",
}
