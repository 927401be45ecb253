"""BLIP: a text decoder that attends to the image across; captions go on from an open prompt."""

from collections.abc import Mapping
from typing import Any

from vlmeter.models.families.base import PREFILL, VISION, PatchesOutsideText


class Blip(PatchesOutsideText):
    """Generation is the decoder's own.

    The model's `generate` wants the end of a prompt to cut it off, begins each row that is not
    padded with another token than the forward, and lets no one say what ends an answer.
    """

    name = "BLIP"
    stages = {"vision_model": VISION, "text_decoder": PREFILL}
    generator = "text_decoder"
    takes_positions = True
    processor_options = {"add_special_tokens": False}

    def text(self, processor: Any, prompt: str) -> str:  # noqa: ANN401
        """Return the prompt after the token that starts a text."""
        return f"{processor.tokenizer.cls_token}{prompt}"

    def text_tokens(self, processor: Any, prompt: str) -> int:  # noqa: ANN401
        """Return the tokens of a prompt, its start included."""
        text = self.text(processor, prompt)
        return len(processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def prepare_model(self, model: Any) -> None:  # noqa: ANN401
        """End an answer where the model's `generate` ends it, whatever its config names as end."""
        model.text_decoder.generation_config.eos_token_id = model.config.text_config.sep_token_id

    def finish_inputs(
        self,
        processor: Any,  # noqa: ANN401
        config: Any,  # noqa: ANN401
        inputs: dict[str, Any],
    ) -> None:
        """Begin each row with the decoder's start, which the tokenizer does not have."""
        ids = inputs["input_ids"]
        ids[ids == processor.tokenizer.cls_token_id] = config.text_config.bos_token_id

    def generate(
        self,
        model: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Return what the decoder generates over the image's positions."""
        vision = {name: value for name, value in inputs.items() if name not in _OF_TEXT}
        image = model.vision_model(**vision).last_hidden_state
        text = {name: inputs[name] for name in _OF_TEXT}
        return model.text_decoder.generate(**text, encoder_hidden_states=image, **options)


_OF_TEXT = ("input_ids", "attention_mask")
