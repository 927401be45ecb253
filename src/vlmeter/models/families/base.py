"""What may differ between model families, with the names and habits that most of them share."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from PIL.Image import Image

VISION, QFORMER, CONNECTOR, PREFILL = "vision", "qformer", "connector", "prefill"


_PARTS = {
    VISION: (
        *("vision_tower", "vision_model", "visual", "vision_encoder", "image_tower", "vqmodel"),
        *("high_res_vision_model", "vision_embed_tokens"),
    ),
    CONNECTOR: (
        *("multi_modal_projector", "mm_projector", "projector", "connector", "aligner", "merger"),
        *("layerwise_projectors", "spatial_projectors", "vision_projection", "vision_adapter"),
        *("embed_vision", "visual_embeddings_table", "image_to_text_projection"),
        *("resampler_model", "perceiver_resampler", "vision_resampler", "perception_emb_norm"),
        *("high_res_vision_neck", "high_res_vision_proj", "high_res_vision_alpha"),
        *("image_newline", "view_separator", "enc_to_dec_proj"),
    ),
    PREFILL: (
        *("language_model", "text_model", "text_decoder", "lm_head"),
        *("embed_tokens", "layers", "gated_cross_attn_layers", "norm", "rotary_emb"),
    ),
}
"""How models call their parts, at their top or one level below it."""


def _list_stages() -> dict[str, str]:
    return {
        f"{above}{part}": stage
        for stage, parts in _PARTS.items()
        for part in parts
        for above in ("", "model.")
    }


def image_token_id(config: Any) -> int | None:  # noqa: ANN401
    """Return the id that marks an image's places in the text; None where a family has none."""
    # Phi-4 multimodal names it in the config of what sees.
    for holder in (config, getattr(config, "vision_config", None)):
        for name in ("image_token_id", "image_token_index"):
            value = getattr(holder, name, None)
            if value is not None:
                return int(value)
    return None


class Family:
    """A family as most models in transformers are built; a file of its own says what is different.

    A vision tower, a projector, a language model, and a processor that puts the image's tokens
    where the text has a placeholder.
    """

    name: ClassVar[str] = "shared names"
    """How the family is called in words."""
    stages: ClassVar[Mapping[str, str]] = _list_stages()
    """The stage of everything below a module or parameter, by its name from the top."""
    processor_options: ClassVar[Mapping[str, bool]] = {}
    """Options of the processor besides images and texts."""
    answer_token_type: ClassVar[int] = 0
    """In `token_type_ids`, what a token of an answer is: attended to by what follows alone."""
    inputs_kept_by_answers: ClassVar[frozenset[str]] = frozenset()
    """Inputs as long as the text in which an answer's tokens have what the prompt's last has."""
    generator: ClassVar[str] = ""
    """The module that decodes, from token ids to logits with a key-value cache; "" is the model."""
    no_image_limit: ClassVar[str] = ""
    """Why no setting of the processor limits an image's tokens, where one seems to."""
    takes_positions: ClassVar[bool] = False
    """Whether a forward of a padded row needs `position_ids`, as generation passes them.

    It does where positions count from a row's start, padding included, or where padding lies
    between the image and the text.
    """

    def stage_of(self, name: str) -> str | None:
        """Return the stage of a module or parameter; None for what stands above the stages."""
        best = max(
            (prefix for prefix in self.stages if name == prefix or name.startswith(f"{prefix}.")),
            key=len,
            default=None,
        )
        return None if best is None else self.stages[best]

    def text(self, processor: Any, prompt: str) -> str:  # noqa: ANN401 - any transformers processor
        """Return what the processor is given for a prompt: its chat template filled, if it has one.

        Without a chat template the image comes first, as base models were trained.
        """
        if uses_chat_template(processor):
            content = [{"type": "image"}, {"type": "text", "text": prompt}]
            return str(
                processor.apply_chat_template(
                    [{"role": "user", "content": content}],
                    add_generation_prompt=True,
                    tokenize=False,
                )
            )
        return f"{getattr(processor, 'image_token', '')}{prompt}"

    def text_tokens(self, processor: Any, prompt: str) -> int:  # noqa: ANN401
        """Return how many tokens of the user's text a prompt has.

        A start token that the tokenizer adds counts; a chat template's own words do not.
        """
        special = not uses_chat_template(processor)
        return len(processor.tokenizer(prompt, add_special_tokens=special)["input_ids"])

    def images(self, pictures: Sequence[Image]) -> list[Any]:
        """Return a batch's pictures as the processor wants them: those of each sample together."""
        return [[picture] for picture in pictures]

    def prepare_model(self, model: Any) -> None:  # noqa: ANN401 - any transformers model
        """Bring a loaded model to what transformers does with most others."""

    def finish_inputs(
        self,
        processor: Any,  # noqa: ANN401
        config: Any,  # noqa: ANN401
        inputs: dict[str, Any],
    ) -> None:
        """Put into a batch what generation would change in it, so that every pass has the same."""

    def generate(
        self,
        model: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Return what `generate` returns for a batch, the prompt's tokens among it."""
        return model.generate(**inputs, **options)

    def find_image_places(
        self,
        config: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
    ) -> Any:  # noqa: ANN401 - a tensor: families are read before torch is loaded
        """Return where in `input_ids` an image stands: true or false, of shape (batch, tokens).

        Returns:
            None where a family shows no image in the text.
        """
        token = image_token_id(config)
        return None if token is None else inputs["input_ids"] == token

    def count_image_positions_outside_text(
        self,
        config: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
    ) -> list[int]:
        """Return how many positions the image takes, in each row, that `input_ids` does not show.

        Args:
            config: The model's.
            inputs: A batch.
        """
        return [0] * len(inputs["input_ids"])


class SelfPlacing(Family):
    """A family whose processor puts the image's tokens before a plain prompt by itself."""

    def text(self, processor: Any, prompt: str) -> str:  # noqa: ANN401
        """Return the prompt as it is."""
        return prompt

    def text_tokens(self, processor: Any, prompt: str) -> int:  # noqa: ANN401
        """Return the tokens of a prompt with those that the tokenizer adds."""
        return len(processor.tokenizer(prompt)["input_ids"])

    def images(self, pictures: Sequence[Image]) -> list[Any]:
        """Return the pictures, one a sample."""
        return list(pictures)


def uses_chat_template(processor: Any) -> bool:  # noqa: ANN401
    """Say whether prompts go through the processor's chat template."""
    return getattr(processor, "chat_template", None) is not None


class PatchesOutsideText(SelfPlacing):
    """A family whose image takes positions of its own, none of them in the text."""

    def count_image_positions_outside_text(
        self,
        config: Any,  # noqa: ANN401
        inputs: Mapping[str, Any],
    ) -> list[int]:
        """Return the patches of an image and the one position that stands for all of it."""
        rows, *_, height, width = inputs["pixel_values"].shape
        patch = config.vision_config.patch_size
        return [(height // patch) * (width // patch) + 1] * rows
