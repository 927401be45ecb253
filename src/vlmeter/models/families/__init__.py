"""What differs between model families: stages, prompts, and which part decodes.

A model type that is not in the table is served by `Family`, by the names and habits that most
models in transformers share.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from vlmeter.models.families.base import (
    CONNECTOR,
    PREFILL,
    QFORMER,
    VISION,
    Family,
    image_token_id,
)
from vlmeter.models.families.blip import Blip
from vlmeter.models.families.blip2 import Blip2, InstructBlip
from vlmeter.models.families.florence2 import Florence2
from vlmeter.models.families.gemma3n import Gemma3n
from vlmeter.models.families.git import Git
from vlmeter.models.families.kosmos2 import Kosmos2
from vlmeter.models.families.mllama import Mllama
from vlmeter.models.families.paligemma import PaliGemma
from vlmeter.models.families.phi4_multimodal import Phi4Multimodal
from vlmeter.software.plugins import load_tables

__all__ = [
    "CONNECTOR",
    "FAMILIES",
    "PREFILL",
    "QFORMER",
    "VISION",
    "Family",
    "expected_image_tokens",
    "find_family",
    "image_token_id",
    "is_encoder_decoder",
]

OWN_FAMILIES: dict[str, Family] = {
    "blip": Blip(),
    "blip-2": Blip2(),
    "florence2": Florence2(),
    "gemma3n": Gemma3n(),
    "git": Git(),
    "instructblip": InstructBlip(),
    "kosmos-2": Kosmos2(),
    "mllama": Mllama(),
    "paligemma": PaliGemma(),
    "phi4_multimodal": Phi4Multimodal(),
}
_SHARED = Family()


def _is_family(value: object) -> bool:
    return isinstance(value, Family)


def _add(others: Iterable[Mapping[str, object]]) -> dict[str, Family]:
    """Return our families with those of others, which go before ours of the same type."""
    families = dict(OWN_FAMILIES)
    for table in others:
        families |= cast(Mapping[str, Family], table)
    return families


FAMILIES = _add(load_tables("vlmeter.families", _is_family, "families by model type"))
"""The families that differ, by `model_type` of their configs; ours and those of other packages."""


def find_family(config: Any) -> Family:  # noqa: ANN401 - any transformers config
    """Return the family of a model's config."""
    return FAMILIES.get(config.model_type, _SHARED)


def is_encoder_decoder(config: Any) -> bool:  # noqa: ANN401
    """Say whether a prompt is read by an encoder and answered by a decoder of its own."""
    text = getattr(config, "text_config", None) or config
    return any(bool(getattr(part, "is_encoder_decoder", False)) for part in (config, text))


def expected_image_tokens(config: Any) -> int | None:  # noqa: ANN401
    """Return how many image tokens every sample must have, where the family fixes it."""
    value = getattr(config, "num_query_tokens", None)
    return None if value is None else int(value)
