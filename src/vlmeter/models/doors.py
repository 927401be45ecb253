"""By which of transformers' automatic classes a model is loaded, and by which of its configs."""

from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
    MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES,
)

MODEL_CLASSES: dict[str, str] = {
    **MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES,
    **MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
}
"""The class of transformers by model type."""
ANSWERING_PARTS = {
    "qwen2_5_omni": "qwen2_5_omni_thinker",
    "qwen3_omni_moe": "qwen3_omni_moe_thinker",
}
"""The part that answers in text, by the type of a model that hears and speaks, too."""
OWN_CODE = (
    "AutoModelForImageTextToText",
    "AutoModelForMultimodalLM",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoModel",
)
"""What a model's own code may be entered by; first those that are made to generate."""


def load_config(folder: Path, *, own_code: bool = False) -> Any:  # noqa: ANN401
    """Return the config of what answers in text: the model's, or that of a part of it.

    What speaks is left out, as text is all that is asked for.

    Args:
        folder: With the model's config.json.
        own_code: Whether code that lies there may run.
    """
    config = transformers.AutoConfig.from_pretrained(
        folder, trust_remote_code=own_code, local_files_only=True
    )
    return config.thinker_config if config.model_type in ANSWERING_PARTS else config


def find_door(config: Any) -> Any:  # noqa: ANN401
    """Return the automatic class that loads a model.

    Args:
        config: The model's; its `auto_map` counts where transformers knows no such type.

    Raises:
        ValueError: neither transformers nor the model's own code has a class for it.
    """
    if config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        return transformers.AutoModelForImageTextToText
    if config.model_type in MODEL_CLASSES:
        return transformers.AutoModelForMultimodalLM
    for door in OWN_CODE:
        if door in (getattr(config, "auto_map", None) or {}):
            return getattr(transformers, door)
    raise ValueError(
        f"its type {config.model_type} is no model for image and text, and its auto_map in "
        f"config.json names none of {', '.join(OWN_CODE)}"
    )
