"""BLIP-2 and InstructBLIP: a Q-Former between the image and a language model of any kind."""

from vlmeter.models.families.base import PREFILL, QFORMER, VISION, SelfPlacing


class Blip2(SelfPlacing):
    """The query tokens count with the Q-Former that reads them, and so does its projection."""

    name = "BLIP-2"
    stages = {
        "vision_model": VISION,
        "query_tokens": QFORMER,
        "qformer": QFORMER,
        "language_projection": QFORMER,
        "language_model": PREFILL,
    }
    generator = "language_model"
    """`generate` hands over to it, and goes by its settings."""


class InstructBlip(Blip2):
    """BLIP-2 whose Q-Former reads the question too."""

    name = "InstructBLIP"
    takes_positions = True
