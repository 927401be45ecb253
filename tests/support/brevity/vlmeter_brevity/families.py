"""Lantern, whose vision tower is called `eyes`, and its projector `lens`."""

from vlmeter.models.families.base import CONNECTOR, PREFILL, VISION, Family


class Lantern(Family):
    """Its parts have names of their own."""

    name = "Lantern"
    stages = {"eyes": VISION, "lens": CONNECTOR, "language_model": PREFILL}


FAMILIES = {"lantern": Lantern()}
