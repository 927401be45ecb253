"""Which model types can be measured here, and why the others cannot."""

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import transformers
from transformers.models.auto.auto_mappings import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.models.auto.processing_auto import (  # type: ignore[attr-defined]
    PROCESSOR_MAPPING_NAMES,
)

from vlmeter.errors import Sentence, UserError, shorten
from vlmeter.models.config_file import read_config
from vlmeter.models.doors import ANSWERING_PARTS, MODEL_CLASSES
from vlmeter.models.packages import check_packages, list_packages
from vlmeter.status import UnsupportedError

PROVED = (
    "blip",
    "blip-2",
    "florence2",
    "gemma3",
    "gemma3n",
    "gemma4",
    "git",
    "glm46v",
    "glm4v",
    "idefics3",
    "instructblip",
    "internvl",
    "kosmos-2",
    "lfm2_vl",
    "llama4",
    "llava",
    "llava_next",
    "llava_onevision",
    "minicpmv4_6",
    "mistral3",
    "mllama",
    "molmo2",
    "paddleocr_vl",
    "paligemma",
    "phi4_multimodal",
    "qwen2_5_omni",
    "qwen2_5_vl",
    "qwen2_vl",
    "qwen3_5",
    "qwen3_omni_moe",
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
            f"model {name} is of the type {shorten(model_type)}: {reason}; types known to work: "
            f"{', '.join(PROVED)}"
        )
    check_packages(name, model_type)


def explain_refusal(model_type: str) -> Sentence | None:
    """Return why no package helps to measure models of a type, or None where they can be."""
    if model_type not in MODEL_CLASSES:
        return Sentence(
            f"transformers {transformers.__version__} has no model of it for image and text"
        )
    takes_images = model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    if not takes_images and model_type not in IMAGE_PROCESSOR_MAPPING_NAMES:
        return Sentence("its processor takes no images")
    answering = ANSWERING_PARTS.get(model_type, model_type)
    model: Any = getattr(transformers, MODEL_CLASSES[answering])
    if not issubclass(model, transformers.GenerationMixin):
        return Sentence("its model does not generate text token by token")
    if "input_ids" not in inspect.signature(model.forward).parameters:
        return Sentence("its model takes no text but what its answer begins with")
    processor: Any = getattr(transformers, PROCESSOR_MAPPING_NAMES.get(model_type) or "", None)
    # Without an entry its files name the processor; without its packages it shows no parts.
    if processor is None or list_packages(model_type):
        return None
    if "image_processor" not in processor.get_attributes():
        return Sentence("its processor takes no images")
    return None


def runs_own_code(name: str, folder: Path, allow: Iterable[str]) -> bool:
    """Say whether a model can only be loaded with code that comes with its weights.

    Raises:
        UserError: it can, and that is not allowed, or its code lies elsewhere.
    """
    config = read_config(name, folder)
    places = config.get("auto_map")
    if not places or not isinstance(places, dict) or config.get("model_type") in MODEL_CLASSES:
        return False
    place = str(next(iter(places.values())))
    if "remote_code" not in allow:
        raise UserError(
            f"model {name} brings code of its own ({shorten(place)}), which would run on this "
            "machine: if you have read it and trust it, add `allow: [remote_code]` to "
            "models.*.source."
        )
    elsewhere = next((str(each) for each in places.values() if "--" in str(each)), None)
    if elsewhere is not None:
        raise UserError(
            f"model {name} takes its code from another repository ({shorten(elsewhere)}), whose "
            "commit nobody pins: download both into one folder and give it as models.*.source.path."
        )
    return True
