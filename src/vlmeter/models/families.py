"""What differs between model families: which part does which stage of the work.

A family that is not named here is served by the names that most models in transformers share.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VISION, QFORMER, CONNECTOR, PREFILL = "vision", "qformer", "connector", "prefill"


@dataclass(frozen=True)
class Family:
    """Names within a model of one family."""

    stages: Mapping[str, str]
    """The stage of everything below a module or parameter, by its name from the top."""
    blocks: tuple[str, ...] = field(default=())
    """Classes whose instances repeat: each is compiled once and reused."""

    def stage_of(self, name: str) -> str | None:
        """Return the stage of a module or parameter; None for what stands above the stages."""
        best = max(
            (prefix for prefix in self.stages if name == prefix or name.startswith(f"{prefix}.")),
            key=len,
            default=None,
        )
        return None if best is None else self.stages[best]


_FAMILIES = {
    "blip-2": Family(
        stages={
            "vision_model": VISION,
            "query_tokens": QFORMER,
            "qformer": QFORMER,
            "language_projection": QFORMER,
            "language_model": PREFILL,
        },
        blocks=("Blip2EncoderLayer", "Blip2QFormerLayer", "OPTDecoderLayer"),
    ),
}
_SHARED_NAMES = Family(
    stages={
        "vision_tower": VISION,
        "vision_model": VISION,
        "visual": VISION,
        "model.vision_tower": VISION,
        "model.vision_model": VISION,
        "model.visual": VISION,
        "multi_modal_projector": CONNECTOR,
        "connector": CONNECTOR,
        "model.multi_modal_projector": CONNECTOR,
        "model.connector": CONNECTOR,
        "language_model": PREFILL,
        "text_model": PREFILL,
        "model.language_model": PREFILL,
        "model.text_model": PREFILL,
        "lm_head": PREFILL,
    }
)


def family_of(config: Any) -> Family:  # noqa: ANN401 - any transformers config
    """Return the family of a model's config."""
    return _FAMILIES.get(config.model_type, _SHARED_NAMES)


def image_token_id(config: Any) -> int | None:  # noqa: ANN401
    """Return the id that marks an image's places in the text; None where a family has none."""
    for name in ("image_token_id", "image_token_index"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return None


def expected_image_tokens(config: Any) -> int | None:  # noqa: ANN401
    """Return how many image tokens every sample must have, where the family fixes it."""
    value = getattr(config, "num_query_tokens", None)
    return None if value is None else int(value)
