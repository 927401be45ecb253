"""GIT: one decoder over the image's tokens and the text, no place for the image in the text."""

from typing import Any

from vlmeter.models.families.base import CONNECTOR, PREFILL, VISION, PatchesOutsideText


class Git(PatchesOutsideText):
    """The image goes before the text inside the model; answers go on from an open prompt.

    Its tokenizer would end the prompt as if the answer were over, so only the start is kept.
    """

    name = "GIT"
    stages = {
        "git.image_encoder": VISION,
        "git.img_temporal_embedding": CONNECTOR,
        "git.visual_projection": CONNECTOR,
        "git.embeddings": PREFILL,
        "git.encoder": PREFILL,
        "output": PREFILL,
    }
    takes_positions = True
    processor_options = {"add_special_tokens": False}

    def text(self, processor: Any, prompt: str) -> str:  # noqa: ANN401
        """Return the prompt after the token that starts a text."""
        tokenizer = processor.tokenizer
        return f"{tokenizer.cls_token or tokenizer.bos_token or ''}{prompt}"

    def text_tokens(self, processor: Any, prompt: str) -> int:  # noqa: ANN401
        """Return the tokens of a prompt, its start included."""
        text = self.text(processor, prompt)
        return len(processor.tokenizer(text, add_special_tokens=False)["input_ids"])
