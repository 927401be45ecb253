"""Llama 3.2 Vision: the language model attends to the image's tiles across, not in the text."""

from collections.abc import Mapping
from typing import Any

from vlmeter.errors import Sentence
from vlmeter.models.families.base import Family


class Mllama(Family):
    """A single token in the text stands for the image; layers of their own look at its tiles."""

    name = "Llama 3.2 Vision"
    inputs_kept_by_answers = frozenset({"cross_attention_mask"})
    no_image_limit = Sentence(
        "with fewer tiles its processor numbers the forms of images anew, so that a number means "
        "another form than the one that the model learnt it for"
    )

    def count_image_positions_outside_text(
        self,
        config: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
    ) -> list[int]:
        """Return the patches of an image's tiles, each tile with one position for all of it."""
        vision = config.vision_config
        of_tile = (vision.image_size // vision.patch_size) ** 2 + 1
        tiles = inputs["aspect_ratio_mask"].flatten(1).sum(dim=1).tolist()
        return [int(count) * of_tile for count in tiles]
