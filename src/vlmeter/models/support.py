"""Which model types can be measured here, and why the others cannot."""

from typing import Any

import transformers
from transformers.models.auto.auto_mappings import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.models.auto.processing_auto import (  # type: ignore[attr-defined]
    PROCESSOR_MAPPING_NAMES,
)
from transformers.utils.import_utils import is_torchvision_available

from vlmeter.failures import UnsupportedError

MODEL_TYPES = tuple(sorted(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES))
"""The model types that transformers answers with from image and text."""
PROVED = (
    "blip-2",
    "florence2",
    "gemma3",
    "git",
    "idefics3",
    "instructblip",
    "llava",
    "paligemma",
)
"""Those that were measured whole, from files to report; the others are tried as they come."""


def check_model_type(name: str, model_type: str | None, *, own_code: bool = False) -> None:
    """See that a model can be loaded with its processor, from its type alone.

    Args:
        name: Of the model, for the sentence.
        model_type: As its config names it; None where it is not known yet.
        own_code: Whether it brings its own code, which decides for itself.

    Raises:
        UnsupportedError: it cannot; the sentence says why, and what can.
    """
    if model_type is None or own_code:
        return
    reason = why_not(model_type)
    if reason is not None:
        raise UnsupportedError(
            f"model {name} is of the type {model_type}: {reason}; types known to work: "
            f"{', '.join(PROVED)}"
        )


def why_not(model_type: str) -> str | None:
    """Return why models of a type cannot be loaded here with their processor, or None."""
    if model_type not in MODEL_TYPES:
        return f"transformers {transformers.__version__} has no model of it for image and text"
    processor = PROCESSOR_MAPPING_NAMES.get(model_type)
    if processor is None or is_torchvision_available():
        # Without an entry its files name the processor, or none: loading tells.
        return None
    if "pil" not in (IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type) or {"pil": ""}):
        return "its image processor needs torchvision, which is not installed"
    cls: Any = getattr(transformers, processor)
    try:
        parts = cls.get_attributes()
    except ImportError:
        return "its processor needs torchvision, which is not installed"
    if "video_processor" in parts:
        return "its processor has a part for videos, which needs torchvision, not installed"
    return None
