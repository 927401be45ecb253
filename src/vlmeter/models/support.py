"""Which model types can be measured here, and why the others cannot."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto.auto_mappings import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.models.auto.processing_auto import (  # type: ignore[attr-defined]
    PROCESSOR_MAPPING_NAMES,
)
from transformers.utils.import_utils import is_torchvision_available

from vlmeter.errors import Sentence, UserError, one_line
from vlmeter.status import UnsupportedError

MODEL_TYPES = tuple(sorted(MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES))
"""The model types that transformers maps to a model for image and text."""
PROVED = (
    "blip-2",
    "florence2",
    "gemma3",
    "gemma4",
    "git",
    "glm46v",
    "glm4v",
    "idefics3",
    "instructblip",
    "internvl",
    "llava",
    "llava_next",
    "llava_onevision",
    "mllama",
    "paddleocr_vl",
    "paligemma",
    "qwen2_5_vl",
    "qwen2_vl",
    "qwen3_5",
    "qwen3_vl",
    "qwen3_vl_moe",
    "smolvlm",
)
"""Those that were measured whole, from files to report; the others are tried as they come."""


def check_model_type(name: str, model_type: str | None, *, own_code: bool = False) -> None:
    """See that a model can be loaded with its processor, from its type alone.

    Args:
        name: Of the model, for the sentence.
        model_type: As its config names it; None where the config is not fetched yet.
        own_code: Whether it brings its own code, which decides for itself.

    Raises:
        UnsupportedError: it cannot; the sentence says why, and what can.
    """
    if model_type is None or own_code:
        return
    reason = explain_refusal(model_type)
    if reason is not None:
        raise UnsupportedError(
            f"model {name} is of the type {model_type}: {reason}; types known to work: "
            f"{', '.join(PROVED)}"
        )


def explain_refusal(model_type: str) -> Sentence | None:
    """Return why models of a type cannot be loaded here with their processor, or None."""
    if model_type not in MODEL_TYPES:
        return Sentence(
            f"transformers {transformers.__version__} has no model of it for image and text"
        )
    processor = PROCESSOR_MAPPING_NAMES.get(model_type)
    if processor is None or is_torchvision_available():
        # Without an entry its files name the processor, or none: loading shows it.
        return None
    if "pil" not in (IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type) or {"pil": ""}):
        return Sentence("its image processor needs torchvision, which is not installed")
    cls: Any = getattr(transformers, processor)
    try:
        cls.get_attributes()
    except ImportError:
        return Sentence("its processor needs torchvision, which is not installed")
    return None


def read_config(name: str, folder: Path) -> dict[str, Any]:
    """Return the content of a model's config.json.

    Raises:
        UserError: it is no JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"model {name}: its config.json is no JSON ({one_line(error)}).") from None
    if not isinstance(config, dict):
        raise UserError(f"model {name}: its config.json holds no JSON object.")
    return config


def runs_own_code(name: str, folder: Path, allow: Iterable[str]) -> bool:
    """Say whether a model can only be loaded with code that comes with its weights.

    Raises:
        UserError: it can, and that is not allowed, or its code lies elsewhere.
    """
    config = read_config(name, folder)
    places = config.get("auto_map")
    if (
        not places
        or not isinstance(places, dict)
        or config.get("model_type") in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    ):
        return False
    place = str(next(iter(places.values())))
    if "remote_code" not in allow:
        raise UserError(
            f"model {name} brings code of its own ({place}), which would run on this machine: if "
            "you have read it and trust it, add `allow: [remote_code]` to models.*.source."
        )
    if "--" in place:
        raise UserError(
            f"model {name} takes its code from another repository ({place}), whose commit nobody "
            "pins: download both into one folder and give it as models.*.source.path."
        )
    return True
