"""Phi-4 multimodal: what sees is a part of what embeds, within the language model."""

from vlmeter.models.families.base import CONNECTOR, VISION, Family

_SIGHT = "model.embed_tokens_extend.image_embed"


class Phi4Multimodal(Family):
    """Its embedding of images has the vision tower, and the projector around it."""

    name = "Phi-4 multimodal"
    stages = {**Family.stages, _SIGHT: CONNECTOR, f"{_SIGHT}.img_processor": VISION}
