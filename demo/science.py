"""Diagrams with a multiple-choice question (ScienceQA-like).

The picture alone does not decide the answer: the last clause of the question does.
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
    draw_shift,
    make_canvas,
    pick,
    pick_distinct,
    write,
)
from .lectures import LECTURES, LENGTHS, lengthen

SIDE_PX = 224
CELL_PX = 28
"""Things are near a grid of the model's patches, so that it learns to see them early."""
JITTER_PX = 4
DIRECTIONS = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}
MAGNET_COLOURS = {"n": COLOURS["red"], "s": COLOURS["blue"]}


class Diagram(NamedTuple):
    """A drawn diagram: the answers to all clauses that can be asked about it."""

    answers: dict[str, str]
    """The right option by the last clause of the question."""
    choices: list[str]
    marks: list[Mark]


Pen = ImageDraw.ImageDraw
Drawer = Callable[[np.random.Generator, Pen], Diagram]


def draw_science_sample(rng: np.random.Generator, length: str | None = None) -> Sample:
    """Draw a diagram and choose a question about it.

    Args:
        rng: The random generator of the sample.
        length: Length class of the question; drawn at random if None.
    """
    kind = pick(rng, list(DRAWERS))
    image, pen = make_canvas(SIDE_PX, pick(rng, list(PAPER.values())))
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
        questions=diagram.answers,
        details={
            "topic": TOPICS[kind],
            "lecture": " ".join(LECTURES[kind]),
            "solution": f"The diagram shows that the answer is {diagram.answers[clause]}.",
        },
    )


def _draw_bars(rng: np.random.Generator, pen: Pen) -> Diagram:
    count = int(rng.integers(2, 5))
    names = pick_distinct(rng, list(COLOURS), count)
    heights_px = [14 + CELL_PX * level for level in pick_distinct(rng, range(1, 6), count)]
    floor_px = 7 * CELL_PX + draw_shift(rng, JITTER_PX)
    tops_px = {}
    for i, (name, height_px) in enumerate(zip(names, heights_px, strict=True)):
        left_px = 2 * CELL_PX * i + 8 + draw_shift(rng, JITTER_PX)
        top_px = floor_px - height_px
        pen.rectangle((left_px, top_px, left_px + 40, floor_px), fill=COLOURS[name])
        tops_px[name] = (left_px, top_px)
    pen.rectangle((8, floor_px, 216, floor_px + 3), fill=INK)
    by_height = [name for _, name in sorted(zip(heights_px, names, strict=True))]
    roles = {
        "tallest": by_height[-1],
        "shortest": by_height[0],
        "first": names[0],
        "last": names[-1],
    }
    marks = [
        Mark((name, *_list_roles(name, roles)), left_px + side_px, top_px)
        for name, (left_px, top_px) in tops_px.items()
        for side_px in (6, 34)
    ]
    return Diagram(
        answers={
            "look at the bars in the chart. which bar is the tallest?": by_height[-1],
            "look at the bars in the chart. which bar is the shortest?": by_height[0],
            "look at the bars in the chart. which bar is the first from the left?": names[0],
            "look at the bars in the chart. which bar is the first from the right?": names[-1],
        },
        choices=[*names, "none of them"],
        marks=marks,
    )


def _list_roles(name: str, roles: dict[str, str]) -> list[str]:
    return [role for role, holder in roles.items() if holder == name]


def _draw_magnets(rng: np.random.Generator, pen: Pen) -> Diagram:
    poles = [pick(rng, ("ns", "sn")) for _ in range(2)]
    top_px = 3 * CELL_PX + draw_shift(rng, JITTER_PX)
    marks = []
    ends = (("first", ""), ("", "last"))
    for edge_px, pair, names_at in zip((CELL_PX, 5 * CELL_PX), poles, ends, strict=True):
        left_px = edge_px + draw_shift(rng, JITTER_PX)
        for half, pole in enumerate(pair):
            x_px = left_px + CELL_PX * half
            box = (x_px, top_px - 6, x_px + CELL_PX - 1, top_px + CELL_PX + 6)
            pen.rectangle(box, fill=MAGNET_COLOURS[pole])
            centre_px = (x_px + CELL_PX // 2, top_px + CELL_PX // 2)
            marks.append(Mark((f"pole {pole}", names_at[half] or "inner"), *centre_px))
            write(pen, pole.upper(), centre_px, height_px=26, colour=(255, 255, 255), bold_px=1)
    names = {"n": "north pole", "s": "south pole"}
    return Diagram(
        answers={
            "look at the two magnets. which pole is at the far left end?": names[poles[0][0]],
            "look at the two magnets. which pole is at the far right end?": names[poles[1][1]],
        },
        choices=list(names.values()),
        marks=marks,
    )


def _draw_arrow(rng: np.random.Generator, pen: Pen) -> Diagram:
    names = list(DIRECTIONS)
    turn = int(rng.integers(4))
    x_px, y_px = 112 + draw_shift(rng, JITTER_PX), 112 + draw_shift(rng, JITTER_PX)
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
        marks=[Mark((names[turn],), x_px + 30 * dx, y_px + 30 * dy)],
    )


def _draw_chain(rng: np.random.Generator, pen: Pen) -> Diagram:
    count = int(rng.integers(3, 5))
    names = pick_distinct(rng, list(COLOURS), count)
    y_px = 3 * CELL_PX + CELL_PX // 2 + draw_shift(rng, JITTER_PX)
    marks = []
    for i, name in enumerate(names):
        x_px = 2 * CELL_PX * i + CELL_PX // 2
        pen.ellipse((x_px - 13, y_px - 13, x_px + 13, y_px + 13), fill=COLOURS[name])
        marks.append(Mark((name, "last" if i == count - 1 else f"place {i}"), x_px, y_px))
        if i == 0:
            continue
        middle_px = x_px - CELL_PX
        tip_px, base_px = middle_px + 11, middle_px - 9
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
    floor_px = 7 * CELL_PX + draw_shift(rng, JITTER_PX)
    liquid = COLOURS[pick(rng, ("blue", "green", "orange", "purple"))]
    surfaces_px = []
    for edge_px, level in zip((CELL_PX, 5 * CELL_PX), levels, strict=True):
        left_px = edge_px + draw_shift(rng, JITTER_PX)
        right_px = left_px + 2 * CELL_PX
        rim_px = floor_px - 6 * CELL_PX
        surface_px = floor_px - CELL_PX * level + CELL_PX // 2
        pen.rectangle((left_px, rim_px, right_px, floor_px), fill=(255, 255, 255))
        pen.rectangle((left_px, surface_px, right_px, floor_px), fill=liquid)
        glass = [(left_px, rim_px), (left_px, floor_px), (right_px, floor_px), (right_px, rim_px)]
        pen.line(glass, INK, 4)
        surfaces_px.append((left_px + CELL_PX, surface_px))
    left_minus_right = levels[0] - levels[1]
    sides = {0: ("neither", "neither"), 1: ("left", "right"), -1: ("right", "left")}
    more, less = sides[int(np.sign(left_minus_right))]
    roles = {more: "more", less: "less"}
    marks = [
        Mark((f"level {level}", roles.get(side, "same")), *place)
        for side, level, place in zip(("left", "right"), levels, surfaces_px, strict=True)
    ]
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
