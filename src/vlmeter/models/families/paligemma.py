"""PaliGemma: image and prompt are a prefix whose tokens all see each other."""

from vlmeter.models.families.base import Family


class PaliGemma(Family):
    """What follows the prefix is marked, or it would be seen before its turn."""

    name = "PaliGemma"
    answer_token_type = 1
