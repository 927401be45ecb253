"""Kosmos-2: its processor puts the image's places before the text, over ids of ordinary words."""

from collections.abc import Mapping
from typing import Any

from vlmeter.models.families.base import SelfPlacing


class Kosmos2(SelfPlacing):
    """A mask says which places are the image's: no token of its own stands there."""

    name = "Kosmos-2"
    generator = "text_model"
    """`generate` hands over to it, and goes by its settings."""

    def text_tokens(self, processor: Any, prompt: str) -> int:  # noqa: ANN401
        """Return the tokens of a prompt with the start, after which the processor adds no end."""
        return len(processor.tokenizer(prompt, add_special_tokens=False)["input_ids"]) + 1

    def find_image_places(
        self,
        config: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
    ) -> Any:  # noqa: ANN401
        """Return the mask that the processor gives along."""
        return inputs["image_embeds_position_mask"].bool()
