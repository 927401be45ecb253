"""Street scenes with one or two lettered signs and a question about a word (TextVQA-like)."""

from typing import NamedTuple

import numpy as np
from PIL import ImageDraw

from .drawing import (
    COLOURS,
    Mark,
    Sample,
    choose_ink,
    draw_shift,
    make_canvas,
    pick,
    pick_distinct,
    write,
)

SIDE_PX = 448
# fmt: off
WORDS = (
    "stop", "exit", "open", "sale", "taxi", "bus", "cafe", "hotel", "park", "bank", "shop",
    "milk", "tea", "bread", "fish", "pizza", "apple", "juice", "sugar", "salt", "rice", "soap",
    "music", "radio", "book", "news", "zoo", "bike", "train", "ship", "gate", "north", "south",
    "east", "west", "slow", "push", "pull", "free", "lunch",
)
# fmt: on
SKIES = {"white": (255, 255, 255), "blue": (190, 220, 250), "pink": (255, 225, 215)}
GROUND = (150, 150, 140)
POLE = (110, 110, 110)
LARGE_PITCH_PX = 56
"""Width of a letter on a large sign: a patch of the model after the picture is halved."""
SMALL_PITCH_PX = 28
"""Width of a letter on a small sign, unreadable after the picture is halved to 224 px."""
SMALL_SHARE = 0.3
EVALUATION_SMALL_SHARE = 0.15
"""Smaller than in training, where small signs take the longest to learn."""
ANNOTATORS = 10
MISREAD_SHARE = 0.06

ONE_SIGN_QUESTIONS = (
    "what does the sign say?",
    "what word is written on the sign?",
    "which word can be read in this picture?",
    "what is the word on the sign next to the road?",
)
TWO_SIGN_QUESTIONS = (
    "what does the {which} sign say?",
    "what word is written on the {which} sign?",
    "there are two signs in this street. which word is on the {which} sign?",
)


class Sign(NamedTuple):
    """A sign of a scene."""

    word: str
    colour: str
    height: str
    """Its place: `only`, `top` or `bottom`."""


def draw_sign_sample(
    rng: np.random.Generator, small: bool | None = None, small_share: float = SMALL_SHARE
) -> Sample:
    """Draw a street scene and choose a question about a word in it.

    Args:
        rng: The random generator of the sample.
        small: Whether the lettering is small; drawn at random if None.
        small_share: Probability of small lettering if it is drawn at random.
    """
    is_small = bool(rng.random() < small_share)
    is_small = is_small if small is None else small
    pitch_px = SMALL_PITCH_PX if is_small else LARGE_PITCH_PX
    image, pen = make_canvas(SIDE_PX, pick(rng, list(SKIES.values())))
    pen.rectangle((0, SIDE_PX - 48 + draw_shift(rng, 12), SIDE_PX, SIDE_PX), fill=GROUND)

    count = int(rng.integers(1, 3))
    colours = pick_distinct(rng, list(COLOURS), count)
    words = pick_distinct(rng, WORDS, count)
    heights = ["only"] if count == 1 else ["top", "bottom"]
    signs = [Sign(*sign) for sign in zip(words, colours, heights, strict=True)]
    marks = [mark for sign in signs for mark in _draw_sign(rng, pen, sign, pitch_px)]

    target = int(rng.integers(count))
    if count == 1:
        question = pick(rng, ONE_SIGN_QUESTIONS)
    else:
        which = pick(rng, (colours[target], heights[target]))
        question = pick(rng, TWO_SIGN_QUESTIONS).format(which=which)
    answers = _annotate(rng, words[target])
    questions = {}
    for sign in signs:
        forms = ONE_SIGN_QUESTIONS if count == 1 else TWO_SIGN_QUESTIONS
        which = pick(rng, (sign.colour, sign.height))
        questions[pick(rng, forms).format(which=which)] = sign.word
    facts = [f"sign {sign.height} {sign.word}" for sign in signs]
    facts += [f"sign {sign.height} {sign.colour}" for sign in signs]
    return Sample(
        image=image,
        question=question,
        answers=answers,
        facts=facts,
        marks=marks,
        questions=questions,
        details={"words": " ".join(words), "lettering": "small" if is_small else "large"},
    )


def _draw_sign(
    rng: np.random.Generator, pen: ImageDraw.ImageDraw, sign: Sign, pitch_px: int
) -> list[Mark]:
    rows = SIDE_PX // pitch_px
    row_bounds = {
        "only": (1, rows - 2),
        "top": (1, rows // 2 - 1),
        "bottom": (rows // 2 + 1, rows - 1),
    }
    row = int(rng.integers(*row_bounds[sign.height]))
    column = int(rng.integers(1, rows - len(sign.word)))
    # Letters are on a grid, with a shift of at most a seventh of its pitch. So a small vision
    # transformer learns to read in minutes.
    reach_px = pitch_px // 7
    left_px = column * pitch_px + draw_shift(rng, reach_px)
    top_px = row * pitch_px + draw_shift(rng, reach_px)
    right_px = left_px + len(sign.word) * pitch_px
    bottom_px = top_px + pitch_px
    colour = COLOURS[sign.colour]
    middle_px = (left_px + right_px) // 2
    pen.rectangle((middle_px - 4, bottom_px, middle_px + 4, SIDE_PX - 20), fill=POLE)
    pad_px = pitch_px // 8
    pen.rectangle(
        (left_px - pad_px, top_px - pad_px, right_px + pad_px, bottom_px + pad_px), fill=colour
    )
    marks = []
    for i, letter in enumerate(sign.word.upper()):
        centre_px = (left_px + i * pitch_px + pitch_px // 2, top_px + pitch_px // 2)
        marks.append(Mark((letter, f"letter {i}", sign.height, sign.colour), *centre_px))
        write(
            pen,
            letter,
            centre_px,
            height_px=round(0.95 * pitch_px),
            colour=choose_ink(colour),
            bold_px=pitch_px // 28,
        )
    return marks


def _annotate(rng: np.random.Generator, word: str) -> list[str]:
    """Return the answers of ten annotators, some of whom may misread the word."""
    answers = []
    for _ in range(ANNOTATORS):
        misread = rng.random() < MISREAD_SHARE
        answers.append(pick(rng, (*WORDS, "unanswerable")) if misread else word)
    return answers
