"""The sentences before the questions of the science set, which give a question its length."""

import re

import numpy as np

from .drawing import pick_distinct

LENGTHS = {"short": (0, 39), "medium": (62, 90), "long": (114, 160)}
"""Bounds in tokens. The last clause, of about ten tokens, decides the answer: in a medium question
it is after the 50th token, in a long question after the 100th."""

GENERAL = (
    "scientists often draw a diagram to show what they have observed in a simple way.",
    "a diagram leaves out many details so that one idea can be seen clearly.",
    "a careful student looks at the whole picture before giving an answer.",
    "the colors in a diagram help us to tell one part from another part.",
    "this diagram was drawn for a science class after a short experiment at school.",
)
LECTURES: dict[str, tuple[str, ...]] = {
    "bars": (
        "a bar chart shows how much of something was measured in each group.",
        "each bar stands for one group of plants that grew in the school garden.",
        "the height of a bar tells how many centimeters the plants grew in a month.",
        "the plants got different amounts of water and light during the experiment.",
        "bars can be compared by looking at where their upper ends are.",
    ),
    "magnets": (
        "magnets can push or pull on each other without touching.",
        "every magnet has two ends, which are called the north pole and the south pole.",
        "opposite poles pull the magnets together, and we say that the magnets attract.",
        "equal poles push the magnets away from each other, and we say that they repel.",
        "in the diagram the north pole is marked with the letter n and is red.",
    ),
    "arrow": (
        "a force is a push or a pull that one object makes on another object.",
        "every force has a direction, and a diagram shows this direction with an arrow.",
        "the object begins to move in the direction of the force if no other force acts on it.",
        "friction always acts against the direction in which an object is moving.",
        "the picture shows a box on a smooth table seen from above.",
    ),
    "chain": (
        "a food chain shows how energy moves from one living thing to the next.",
        "every circle stands for one living thing, and the arrows show where the energy goes.",
        "the chain begins with a producer, which makes its own food from light.",
        "the living things after the producer are consumers, which eat other living things.",
        "when one part of a food chain is lost, all of the other parts are affected.",
    ),
    "beakers": (
        "a beaker is a glass cup that is used to measure the volume of a liquid.",
        "the volume of a liquid is the amount of space that it takes up.",
        "two beakers of the same width can be compared by the height of the liquid.",
        "some of the liquid was poured out of the beakers before the picture was drawn.",
        "a student should read the level at the eye height to avoid a mistake.",
    ),
}


def count_words(text: str) -> int:
    """Count words and punctuation marks, which are the tokens of the demo tokenizer."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def lengthen(rng: np.random.Generator, kind: str, clause: str, length: str) -> str:
    """Put sentences of a lecture before the clause that decides the answer.

    Args:
        rng: The random generator of the sample.
        kind: The lecture's key in LECTURES.
        clause: The question itself, which stays at the end.
        length: A key of LENGTHS.

    Returns:
        A question whose number of tokens is within the bounds of its length.
    """
    low, high = LENGTHS[length]
    text = clause
    lecture = LECTURES[kind] + GENERAL
    for sentence in pick_distinct(rng, lecture, len(lecture)):
        if count_words(text) >= low:
            break
        if count_words(f"{sentence} {text}") <= high:
            text = f"{sentence} {text}"
    return text
